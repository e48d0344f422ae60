/* The SNMP engine's hot path in C: asks that go as they went before.
 *
 * A Pilot flies what it fully recognises: SNMPv2c over the shared IPv4 socket, one datagram per question, and replies
 * whose source, community, request id, names and types are all known. The Python way (loop.py, exchange.py, ber.py)
 * stays the judge of everything else: whatever differs in one octet that matters, comes a second time, does not come,
 * or reaches a bound, is handed over to it with all that was heard so far ("promoted"), and it decides.
 *
 * Nothing here may accept what the Python way would refuse, or read it otherwise: tests/collectors/snmp/test_fast.py
 * compares both over mutated datagrams. No pointer into the tables is kept across a call into Python.
 */
#define PY_SSIZE_T_CLEAN
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Python.h>
#include <structmember.h>

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

enum { VERSION = 1 }; /* as in compiled.py: raise both when what they share changes */

enum {
    DATAGRAM = 65536,    /* octets kept for one datagram */
    BATCH = 64,          /* datagrams per system call in */
    ROUNDS = 4,          /* such calls per turn */
    SENDS = 32,          /* datagrams per system call out: the last is sent some 0.1 ms after the first */
    SHAPES = 8,          /* per question */
    PATIENCE = 64,       /* misses without as many hits: this question's replies never look alike */
    MOST_CELLS = 512,    /* varbinds in a reply of known shape */
    MOST_KNOWN = 65536,  /* targets */
    MOST_PLANS = 4096,
    TEXT = 48,           /* octets of an OBJECT IDENTIFIER that is kept as it came last */
    OCTETS_KEPT = 255,   /* of an OCTET STRING likewise: RFC 1213's DisplayString */
    MOULD = 4096, /* octets of a reply that is kept as a mould */
    OTHERS = 8,   /* replies unlike a mould, for each of which it is not made anew */
    IDS = 1024,
    AHEAD = 2, /* datagrams: what the next but one will need is fetched meanwhile */
};
static const uint32_t LOWEST_ID = 0x00800000u; /* from here a positive INTEGER takes exactly four octets */

static PyObject *s_memo, *s_template, *s_question, *s_odd, *s_unsent, *s_release, *s_send, *s_receive;
static PyObject *s_chunks;
static PyTypeObject *Question_Type;

/* ---- a grown array of references */

typedef struct {
    PyObject **at;
    Py_ssize_t count, room;
} Many;

static int many_push(Many *many, PyObject *object) /* takes the reference over, also when it fails */
{
    if (many->count == many->room) {
        Py_ssize_t room = many->room ? 2 * many->room : 4;
        PyObject **at = PyMem_Realloc(many->at, (size_t)room * sizeof *at);
        if (!at) {
            Py_DECREF(object);
            PyErr_NoMemory();
            return -1;
        }
        many->at = at, many->room = room;
    }
    many->at[many->count++] = object;
    return 0;
}

static void many_clear(Many *many)
{
    while (many->count)
        Py_DECREF(many->at[--many->count]);
}

static PyObject *many_tuple(Many *many) /* moves the references */
{
    PyObject *made = PyTuple_New(many->count);
    if (!made)
        return NULL;
    for (Py_ssize_t i = 0; i < many->count; i++)
        PyTuple_SET_ITEM(made, i, many->at[i]);
    many->count = 0;
    return made;
}

/* Takes a tuple out of the garbage collector's sight: of numbers, octets and texts, and of such tuples, no cycle can be
 * made. The collector does the same at its first look; by then it has looked at thousands of them. */
static PyObject *plain_tuple(PyObject *tuple)
{
    PyObject_GC_UnTrack(tuple);
    return tuple;
}

/* ---- a table from 64-bit keys to pointers: filled, looked up, emptied as a whole */

typedef struct {
    uint64_t key;
    void *value; /* NULL: nothing here */
} Slot;

typedef struct {
    Slot *at;
    size_t room, count; /* room: a power of two */
} Table;

static size_t table_slot(const Table *table, uint64_t key)
{
    uint64_t mixed = (key ^ key >> 32) * 0x9E3779B97F4A7C15u;
    size_t slot = (size_t)(mixed >> 32) & (table->room - 1);
    while (table->at[slot].value && table->at[slot].key != key)
        slot = (slot + 1) & (table->room - 1);
    return slot;
}

static void *table_get(const Table *table, uint64_t key)
{
    return table->count ? table->at[table_slot(table, key)].value : NULL;
}

static int table_put(Table *table, uint64_t key, void *value)
{
    if (2 * (table->count + 1) > table->room) {
        Table grown = {NULL, table->room ? 2 * table->room : 256, table->count};
        if (!(grown.at = PyMem_Calloc(grown.room, sizeof *grown.at))) {
            PyErr_NoMemory();
            return -1;
        }
        for (size_t i = 0; i < table->room; i++)
            if (table->at[i].value)
                grown.at[table_slot(&grown, table->at[i].key)] = table->at[i];
        PyMem_Free(table->at);
        *table = grown;
    }
    size_t slot = table_slot(table, key);
    table->count += table->at[slot].value == NULL;
    table->at[slot] = (Slot){key, value};
    return 0;
}

static void table_empty(Table *table)
{
    PyMem_Free(table->at);
    *table = (Table){NULL, 0, 0};
}

/* ---- what is known of a question's replies */

typedef struct {
    int column;
    Py_ssize_t start, step, count;
    PyObject *oids, *tags;
} Take;

typedef struct {
    uint32_t at;
    uint16_t size;
    uint8_t tag;
    PyObject *last; /* the octets that came here last, or NULL: what a device is called and made of seldom changes */
} Cell;

typedef struct {
    uint32_t at, size;
} Span;

/* A reply as it came last: where all its octets but the request id and the values' contents are found again, at the
 * same places, the next reply says the same in the same places, and need not be taken apart. */
typedef struct {
    uint8_t *octets, *mask; /* one after the other in one piece of memory */
    Span *spans;
    size_t size; /* 0: none yet */
    size_t id_at;
    int others; /* replies since it was made that were not like it */
} Mould;

typedef uint64_t Wide __attribute__((vector_size(32))); /* octets compared at once: the compiler's, for any processor */

typedef struct {
    PyObject *names, *tags; /* the very tuples that the Python way shares: its memo of steps is keyed by them */
    Py_ssize_t count;
    Cell *cells;
    uint8_t *octets;                  /* the names' content octets, one after the other */
    PyObject *places, *got, *gottags; /* a Get's places, names and tags without sysUpTime */
    Take *takes;                      /* a walk's step, once the Python way has worked it out */
    Py_ssize_t ntakes, kept;
    int stepped;
    PyObject *after; /* the next Question; NULL: the walk is done */
    Py_ssize_t text_at;
    uint16_t text_size;
    uint8_t text_octets[TEXT];
    PyObject *text; /* the OBJECT IDENTIFIER that this shape's replies held last */
    Mould mould;
} Shape;

typedef struct {
    PyObject_HEAD
    PyObject *request, *columns, *wanted; /* wanted: the names asked for */
    uint8_t *octets;                      /* the datagram; its request id stands at id_at */
    Py_ssize_t size, id_at;
    uint8_t *community;
    Py_ssize_t community_size;
    int walk, uptime; /* uptime: 0, or the place (-1, -2) that sysUpTime has among the columns, always first */
    Shape *shapes[SHAPES];
    int nshapes;
    long hits, misses;
} Question;

static void shape_free(Shape *shape)
{
    if (!shape)
        return;
    for (Py_ssize_t i = 0; i < shape->ntakes; i++) {
        Py_XDECREF(shape->takes[i].oids);
        Py_XDECREF(shape->takes[i].tags);
    }
    for (Py_ssize_t i = 0; shape->cells && i < shape->count; i++)
        Py_XDECREF(shape->cells[i].last);
    PyMem_Free(shape->takes), PyMem_Free(shape->cells), PyMem_Free(shape->octets);
    PyMem_Free(shape->mould.octets), PyMem_Free(shape->mould.spans);
    Py_XDECREF(shape->names), Py_XDECREF(shape->tags), Py_XDECREF(shape->places);
    Py_XDECREF(shape->got), Py_XDECREF(shape->gottags), Py_XDECREF(shape->after), Py_XDECREF(shape->text);
    PyMem_Free(shape);
}

static void question_forget(Question *self)
{
    while (self->nshapes) {
        Shape *shape = self->shapes[--self->nshapes];
        self->shapes[self->nshapes] = NULL;
        shape_free(shape);
    }
}

static int question_traverse(Question *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->request);
    Py_VISIT(self->columns);
    Py_VISIT(self->wanted);
    for (int i = 0; i < self->nshapes; i++) {
        Shape *shape = self->shapes[i];
        Py_VISIT(shape->names);
        Py_VISIT(shape->tags);
        Py_VISIT(shape->places);
        Py_VISIT(shape->got);
        Py_VISIT(shape->gottags);
        Py_VISIT(shape->after);
        for (Py_ssize_t j = 0; j < shape->ntakes; j++) {
            Py_VISIT(shape->takes[j].oids);
            Py_VISIT(shape->takes[j].tags);
        }
    }
    return 0;
}

static int question_clear(Question *self)
{
    question_forget(self);
    Py_CLEAR(self->request);
    Py_CLEAR(self->columns);
    Py_CLEAR(self->wanted);
    return 0;
}

static void question_dealloc(Question *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    question_clear(self);
    PyMem_Free(self->octets), PyMem_Free(self->community);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Question(request, prefix, suffix, community, walk, columns, oids) */
static PyObject *question_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *request, *columns, *wanted;
    const char *prefix, *suffix, *community;
    Py_ssize_t prefix_size, suffix_size, community_size;
    int walk;
    if (kwargs && PyDict_GET_SIZE(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Question takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "Oy#y#y#iO!O!", &request, &prefix, &prefix_size, &suffix, &suffix_size, &community,
                          &community_size, &walk, &PyTuple_Type, &columns, &PyTuple_Type, &wanted))
        return NULL;
    int uptime = 0;
    if (PyTuple_GET_SIZE(columns)) {
        long first = PyLong_AsLong(PyTuple_GET_ITEM(columns, 0));
        if (first == -1 && PyErr_Occurred())
            return NULL;
        uptime = first < 0 ? (int)first : 0;
    }
    Question *self = (Question *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->size = prefix_size + 4 + suffix_size, self->id_at = prefix_size;
    self->octets = PyMem_Malloc((size_t)self->size);
    self->community = PyMem_Malloc((size_t)community_size + 1);
    if (!self->octets || !self->community) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    memcpy(self->octets, prefix, (size_t)prefix_size);
    memset(self->octets + prefix_size, 0, 4);
    memcpy(self->octets + prefix_size + 4, suffix, (size_t)suffix_size);
    memcpy(self->community, community, (size_t)community_size);
    self->community_size = community_size;
    self->walk = walk, self->uptime = uptime;
    self->request = Py_NewRef(request), self->columns = Py_NewRef(columns), self->wanted = Py_NewRef(wanted);
    return (PyObject *)self;
}

static int known_tag(long tag)
{
    return tag == 0x02 || (tag >= 0x04 && tag <= 0x06) || (tag >= 0x40 && tag <= 0x44) || tag == 0x46 ||
           (tag >= 0x80 && tag <= 0x82);
}

static size_t arc_octets(uint64_t arc, uint8_t *to)
{
    uint8_t turned[10];
    size_t count = 0;
    do
        turned[count++] = (uint8_t)(arc & 0x7F), arc >>= 7;
    while (arc);
    for (size_t i = 0; i < count; i++)
        to[i] = (uint8_t)(turned[count - 1 - i] | (i + 1 < count ? 0x80 : 0));
    return count;
}

/* Writes an OID's content octets in their shortest form; 0: it cannot be one (no exception set). */
static size_t oid_octets(PyObject *oid, uint8_t to[700])
{
    if (!PyTuple_Check(oid) || PyTuple_GET_SIZE(oid) < 2 || PyTuple_GET_SIZE(oid) > 128)
        return 0;
    size_t size = 0;
    uint64_t first = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(oid); i++) {
        unsigned long long arc = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(oid, i));
        if (PyErr_Occurred()) {
            PyErr_Clear();
            return 0;
        }
        if (arc > 0xFFFFFFFFull || (i == 0 && arc > 2) || (i == 1 && first < 2 && arc > 39))
            return 0;
        if (i == 0)
            first = arc;
        else
            size += arc_octets(i == 1 ? first * 40 + arc : arc, to + size);
    }
    return size;
}

static Shape *shape_of(Question *self, PyObject *names, PyObject *tags)
{
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    Shape *shape = PyMem_Calloc(1, sizeof *shape);
    uint8_t one[700];
    size_t total = 0, room = 0;
    if (!shape)
        return NULL;
    shape->text_at = -1;
    shape->count = count;
    shape->cells = PyMem_Calloc((size_t)count, sizeof *shape->cells);
    if (!shape->cells)
        goto bad;
    for (Py_ssize_t i = 0; i < count; i++) {
        long tag = PyLong_AsLong(PyTuple_GET_ITEM(tags, i));
        size_t size = oid_octets(PyTuple_GET_ITEM(names, i), one);
        if (PyErr_Occurred() || !size || !known_tag(tag))
            goto bad;
        if (total + size > room) {
            room = 2 * (total + size);
            uint8_t *grown = PyMem_Realloc(shape->octets, room);
            if (!grown)
                goto bad;
            shape->octets = grown;
        }
        memcpy(shape->octets + total, one, size);
        shape->cells[i] = (Cell){(uint32_t)total, (uint16_t)size, (uint8_t)tag, NULL};
        total += size;
    }
    if (self->walk < 0) {
        Py_ssize_t from = self->uptime ? 1 : 0;
        shape->places = PyTuple_GetSlice(self->columns, from, count);
        shape->got = PyTuple_GetSlice(names, from, count);
        shape->gottags = PyTuple_GetSlice(tags, from, count);
        if (!shape->places || !shape->got || !shape->gottags)
            goto bad;
    }
    shape->names = Py_NewRef(names), shape->tags = Py_NewRef(tags);
    return shape;
bad:
    PyErr_Clear(); /* what is not learned is read by the general decoder, as ever */
    shape_free(shape);
    return NULL;
}

/* learn(oids, tags) -> the names as they are shared from now on, or None where this reply's shape is not kept */
static PyObject *question_learn(Question *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyTuple_Check(args[0]) || !PyTuple_Check(args[1]) ||
        PyTuple_GET_SIZE(args[0]) != PyTuple_GET_SIZE(args[1])) {
        PyErr_SetString(PyExc_TypeError, "learn() takes names and tags, tuples of one length");
        return NULL;
    }
    PyObject *names = args[0], *tags = args[1];
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    if (!count || count > MOST_CELLS)
        Py_RETURN_NONE;
    for (int i = 0; i < self->nshapes; i++) {
        Shape *shape = self->shapes[i];
        if (shape->count != count)
            continue;
        int same = PyObject_RichCompareBool(shape->tags, tags, Py_EQ);
        if (same > 0)
            same = PyObject_RichCompareBool(shape->names, names, Py_EQ);
        if (same < 0)
            return NULL;
        if (same)
            return Py_NewRef(shape->names);
    }
    if (++self->misses == 1)
        Py_RETURN_NONE; /* most steps of a walk over an index that no other device has are asked once in a lifetime */
    if (self->misses > PATIENCE && self->hits < self->misses) {
        question_forget(self);
        Py_RETURN_NONE;
    }
    if (self->walk < 0) {
        int same = PyObject_RichCompareBool(self->wanted, names, Py_EQ);
        if (same < 0)
            return NULL;
        if (!same)
            Py_RETURN_NONE;
        names = self->wanted;
    }
    Shape *shape = shape_of(self, names, tags);
    if (!shape)
        Py_RETURN_NONE;
    if (self->nshapes == SHAPES) {
        Shape *oldest = self->shapes[SHAPES - 1];
        self->nshapes--;
        shape_free(oldest);
    }
    memmove(self->shapes + 1, self->shapes, (size_t)self->nshapes * sizeof *self->shapes);
    self->shapes[0] = shape;
    self->nshapes++;
    return Py_NewRef(shape->names);
}

static int question_hopeless(const Question *self)
{
    return self->misses > PATIENCE && self->hits < self->misses;
}

static PyMethodDef question_methods[] = {
    {"learn", (PyCFunction)(void (*)(void))question_learn, METH_FASTCALL,
     "learn(oids, tags): the names as they are shared from now on, or None"},
    {NULL, NULL, 0, NULL}};

static PyMemberDef question_members[] = {
    {"hits", T_LONG, offsetof(Question, hits), READONLY, "replies read by a known shape"},
    {"misses", T_LONG, offsetof(Question, misses), READONLY, "shapes that were new"},
    {NULL, 0, 0, 0, NULL}};

static PyType_Slot question_slots[] = {{Py_tp_new, question_new},
                                       {Py_tp_dealloc, question_dealloc},
                                       {Py_tp_traverse, question_traverse},
                                       {Py_tp_clear, question_clear},
                                       {Py_tp_methods, question_methods},
                                       {Py_tp_members, question_members},
                                       {Py_tp_doc, "One request of one community, and the shapes of its replies."},
                                       {0, NULL}};

static PyType_Spec question_spec = {"collectors.snmp._fast.Question", sizeof(Question), 0,
                                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, question_slots};

/* ---- reading: every read is given the end of what encloses it (as ber.py) */

static int long_element(const uint8_t *octets, size_t at, size_t end, size_t *start, size_t *stop)
{
    size_t size = 0, count = octets[at + 1] & 0x7F, from = at + 2;
    if (count < 1 || count > 4 || count > end - from)
        return -1;
    for (size_t i = 0; i < count; i++)
        size = size << 8 | octets[from + i];
    from += count;
    if (size > end - from)
        return -1;
    *start = from, *stop = from + size;
    return octets[at];
}

/* Returns the tag, or -1 where the element does not fit before `end`. In line: three for every varbind. */
static inline int element(const uint8_t *octets, size_t at, size_t end, size_t *start, size_t *stop)
{
    if (end < 2 || at > end - 2)
        return -1;
    size_t size = octets[at + 1];
    if (size & 0x80)
        return long_element(octets, at, end, start, stop);
    if (size > end - at - 2)
        return -1;
    *start = at + 2, *stop = at + 2 + size;
    return octets[at];
}

static int sound_oid(const uint8_t *content, size_t size)
{
    uint64_t arc = 0;
    if (size < 1 || size > 126 || content[size - 1] & 0x80)
        return 0;
    for (size_t i = 0; i < size; i++) {
        arc = arc << 7 | (content[i] & 0x7F);
        if (arc > 0xFFFFFFFFull)
            return 0;
        if (!(content[i] & 0x80))
            arc = 0;
    }
    return 1;
}

/* Whether a value's content fits its type: what ber.value_of would not call UNREADABLE, less what is odd. */
static inline int sound(uint8_t tag, const uint8_t *content, size_t size)
{
    switch (tag) {
    case 0x02:
        return size >= 1 && size <= 8;
    case 0x04:
    case 0x44:
        return 1;
    case 0x41:
    case 0x42:
    case 0x43:
        return (size >= 1 && size <= 4) || (size == 5 && content[0] == 0);
    case 0x46:
        return (size >= 1 && size <= 8) || (size == 9 && content[0] == 0);
    case 0x40:
        return size == 4;
    case 0x06:
        return sound_oid(content, size);
    case 0x05:
    case 0x80:
    case 0x81:
    case 0x82:
        return size == 0;
    default:
        return 0;
    }
}

/* Whether octets[at…end) are exactly this shape's varbinds; where the contents stand goes into spans. */
static int matches(const Shape *shape, const uint8_t *octets, size_t at, size_t end, Span *spans)
{
    for (Py_ssize_t i = 0; i < shape->count; i++) {
        const Cell *cell = &shape->cells[i];
        size_t start, stop, name, name_end, value, value_end;
        if (element(octets, at, end, &start, &stop) != 0x30 || element(octets, start, stop, &name, &name_end) != 0x06)
            return 0;
        if (name_end - name != cell->size || memcmp(octets + name, shape->octets + cell->at, cell->size))
            return 0;
        if (element(octets, name_end, stop, &value, &value_end) != cell->tag || value_end != stop)
            return 0;
        if (!sound(cell->tag, octets + value, value_end - value))
            return 0;
        spans[i] = (Span){(uint32_t)value, (uint32_t)(value_end - value)};
        at = stop;
    }
    return at == end;
}

/* Where the varbinds of the Response to `number` begin; 0 where this is not exactly one in this community. */
static size_t opened(const Question *question, const uint8_t *octets, size_t size, uint32_t number, size_t *id_at)
{
    size_t start, stop, inner, inner_stop;
    if (size > 65507 || element(octets, 0, size, &start, &stop) != 0x30 || stop != size)
        return 0;
    if (stop - start < 3 || memcmp(octets + start, "\x02\x01\x01", 3))
        return 0;
    if (element(octets, start + 3, stop, &inner, &inner_stop) != 0x04 ||
        (Py_ssize_t)(inner_stop - inner) != question->community_size ||
        memcmp(octets + inner, question->community, (size_t)question->community_size))
        return 0;
    if (element(octets, inner_stop, size, &start, &stop) != 0xA2 || stop != size || stop - start < 12)
        return 0;
    const uint8_t head[12] = {2,    4, (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                              (uint8_t)number, 2,    1, 0, 2, 1, 0};
    if (memcmp(octets + start, head, sizeof head))
        return 0;
    *id_at = start + 2;
    if (element(octets, start + 12, size, &inner, &inner_stop) != 0x30 || inner_stop != size)
        return 0;
    return inner;
}

/* Keeps a reply that `opened` and `matches` took as the mould of its shape; a reply unlike it seldom makes a new one. */
static void mould_make(Shape *shape, const uint8_t *octets, size_t size, size_t id_at, const Span *spans)
{
    Mould *mould = &shape->mould;
    if (size > MOULD || size < sizeof(Wide) || (mould->size && ++mould->others % OTHERS))
        return;
    if (size != mould->size) {
        uint8_t *grown = PyMem_Realloc(mould->octets, 2 * size);
        if (!grown)
            return; /* without a mould it goes the longer way */
        mould->octets = grown, mould->mask = grown + size;
    }
    mould->size = 0;
    if (!mould->spans && !(mould->spans = PyMem_Malloc((size_t)shape->count * sizeof *spans)))
        return;
    memcpy(mould->octets, octets, size);
    memset(mould->mask, 0xFF, size);
    memset(mould->mask + id_at, 0, 4);
    for (Py_ssize_t i = 0; i < shape->count; i++) {
        /* a number of more octets than its type has is sound for a first octet of zero alone */
        uint32_t tag = shape->cells[i].tag, most = tag == 0x46 ? 8 : tag >= 0x41 && tag <= 0x43 ? 4 : UINT32_MAX;
        uint32_t fixed = spans[i].size > most;
        memset(mould->mask + spans[i].at + fixed, 0, spans[i].size - fixed);
        mould->spans[i] = spans[i];
    }
    mould->size = size, mould->id_at = id_at, mould->others = 0;
}

/* Whether this is the Response to `number`, of this shape and with its values where the mould has them. */
static int moulded(const Shape *shape, const uint8_t *octets, size_t size, uint32_t number)
{
    const Mould *mould = &shape->mould;
    Wide is, was, mask, other = {0};
    if (size != mould->size || size < sizeof other)
        return 0;
    for (size_t at = 0; at < size; at += sizeof other) {
        if (at > size - sizeof other) /* the last octets, some of them a second time */
            at = size - sizeof other;
        memcpy(&is, octets + at, sizeof is);
        memcpy(&was, mould->octets + at, sizeof was);
        memcpy(&mask, mould->mask + at, sizeof mask);
        other |= (is ^ was) & mask;
    }
    const uint8_t *id = octets + mould->id_at;
    if ((other[0] | other[1] | other[2] | other[3]) || ((uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3]) != number)
        return 0;
    for (Py_ssize_t i = 0; i < shape->count; i++)
        if (shape->cells[i].tag == 0x06 && !sound_oid(octets + mould->spans[i].at, mould->spans[i].size))
            return 0;
    return 1;
}

/* ---- who is asked, what, and what is under way */

typedef struct Flight Flight;

typedef struct {
    struct sockaddr_in to;
    PyObject *address; /* as Python writes it */
    Flight *flight;
    uint32_t last; /* the request id of the last reply taken here and not yet told to Recent; 0: none */
    int answered;
} Host;

typedef struct {
    PyObject *target, *wire;
    Host *host;
    double timeout_s, deadline_s, rate;
} Peer;

typedef struct {
    PyObject *ask, *wire, *walks; /* walks: Ask.walks */
    PyObject *questions;          /* a stack: the last one is asked first */
    Py_ssize_t asked, columns;
    Py_ssize_t *bases; /* where each walk's columns begin among all */
    double walk_s;
    long walk_varbinds, octets, varbinds, requests;
} Plan;

struct Flight {
    Peer *peer;
    Plan *plan;
    Question *question;
    PyObject *entry, *chunks; /* chunks: a list per column of all walks, or NULL */
    Many raws, got;
    PyObject *first, *last; /* sysUpTime */
    double sent_at, deadline, due, rtt, walk_since, paused_at;
    double waited; /* seconds that surely were the device's (see flight.py) */
    uint64_t life; /* 0: not in use; else no two are the same */
    long long at_ms, lag_ms;
    long drops, octets, heard, cells;
    Py_ssize_t top;  /* how many of the plan's questions are left behind the one under way */
    Py_ssize_t slot; /* in the heap; -1: not there */
    uint32_t number;
    int sent, walk, pausing, unsent;
    Flight *spare;
};

enum { RECEIVED, SENT, ASKS, ANSWERED, OCTETS, RECOGNISED, LATE, SUMS };
static const char *const sum_names[SUMS] = {"received", "sent", "asks", "answered", "octets", "recognised", "late"};
static PyObject *s_sums[SUMS];

typedef struct {
    PyObject *object; /* or NULL */
    long long number;
} Last;

typedef struct {
    PyObject_HEAD
    PyObject *counters, *monotonic, *oid_text;
    PyTypeObject *answer, *varbinds;
    PyObject *walked, *column, *nothing; /* nothing: what an answer without failures has as `missed` */
    Py_ssize_t slots[3];                 /* where a Varbinds keeps oids, tags and values */
    Table hosts, peers, plans;
    Flight **heap;
    Py_ssize_t count, waiting, heap_room; /* count: flights; waiting: those in the heap */
    Flight **outgoing;
    Py_ssize_t outgoing_count, outgoing_room;
    Flight *spare;
    uint64_t lives;
    uint32_t ids[IDS];
    int ids_left;
    Last at_ms, due_ms, submitted_ms;
    long sums[SUMS], taken;
    uint8_t *in;
    uint8_t *out;
    size_t out_room;
    struct mmsghdr in_heads[BATCH], out_heads[SENDS];
    struct iovec in_parts[BATCH], out_parts[SENDS];
    struct sockaddr_in in_names[BATCH];
    Span spans[MOST_CELLS];
} Pilot;

static uint64_t host_key(const struct sockaddr_in *name)
{
    return (uint64_t)name->sin_addr.s_addr << 16 | name->sin_port;
}

static uint64_t plan_key(const PyObject *ask, const PyObject *wire)
{
    return (uint64_t)(uintptr_t)ask * 31 + (uint64_t)(uintptr_t)wire;
}

static int pilot_now(Pilot *self, double *now)
{
    PyObject *said = PyObject_CallNoArgs(self->monotonic);
    if (!said)
        return -1;
    *now = PyFloat_AsDouble(said);
    Py_DECREF(said);
    return *now == -1.0 && PyErr_Occurred() ? -1 : 0;
}

static int pilot_told(Pilot *self) /* adds what was counted to the engine's counters */
{
    for (int i = 0; i < SUMS; i++) {
        if (!self->sums[i])
            continue;
        PyObject *was = PyObject_GetAttr(self->counters, s_sums[i]);
        long sum = was ? PyLong_AsLong(was) : -1;
        Py_XDECREF(was);
        if (sum == -1 && PyErr_Occurred())
            return -1;
        PyObject *is = PyLong_FromLong(sum + self->sums[i]);
        int bad = !is || PyObject_SetAttr(self->counters, s_sums[i], is);
        Py_XDECREF(is);
        if (bad)
            return -1;
        self->sums[i] = 0;
    }
    return 0;
}

static PyObject *told_with(Pilot *self, PyObject *result) /* keeps an exception that is on its way */
{
    if (result)
        return pilot_told(self) ? (Py_DECREF(result), NULL) : result;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (pilot_told(self))
        PyErr_Clear();
    PyErr_Restore(type, value, trace);
    return NULL;
}

static int pilot_number(Pilot *self, uint32_t *number)
{
    for (;;) {
        if (!self->ids_left) {
            if (getrandom(self->ids, sizeof self->ids, 0) != (ssize_t)sizeof self->ids) {
                PyErr_SetFromErrno(PyExc_OSError);
                return -1;
            }
            self->ids_left = IDS;
        }
        uint32_t drawn = self->ids[--self->ids_left] & 0x7FFFFFFFu;
        if (drawn >= LOWEST_ID) {
            *number = drawn;
            return 0;
        }
    }
}

/* ---- the heap of waits, soonest first */

static void heap_set(Pilot *self, Py_ssize_t slot, Flight *flight)
{
    self->heap[slot] = flight;
    flight->slot = slot;
}

static void heap_up(Pilot *self, Flight *flight)
{
    Py_ssize_t slot = flight->slot;
    while (slot) {
        Py_ssize_t parent = (slot - 1) / 2;
        if (self->heap[parent]->due <= flight->due)
            break;
        heap_set(self, slot, self->heap[parent]);
        slot = parent;
    }
    heap_set(self, slot, flight);
}

static void heap_down(Pilot *self, Flight *flight)
{
    Py_ssize_t slot = flight->slot;
    for (;;) {
        Py_ssize_t child = 2 * slot + 1;
        if (child >= self->waiting)
            break;
        if (child + 1 < self->waiting && self->heap[child + 1]->due < self->heap[child]->due)
            child++;
        if (flight->due <= self->heap[child]->due)
            break;
        heap_set(self, slot, self->heap[child]);
        slot = child;
    }
    heap_set(self, slot, flight);
}

static void heap_leave(Pilot *self, Flight *flight)
{
    Py_ssize_t slot = flight->slot;
    if (slot < 0)
        return;
    Flight *last = self->heap[--self->waiting];
    flight->slot = -1;
    if (last == flight)
        return;
    heap_set(self, slot, last);
    heap_down(self, last);
    heap_up(self, last);
}

static void heap_wait(Pilot *self, Flight *flight, double due) /* room was made in pilot_begin */
{
    heap_leave(self, flight);
    flight->due = due < flight->deadline ? due : flight->deadline;
    heap_set(self, self->waiting++, flight);
    heap_up(self, flight);
}

/* ---- flights */

static int grown(void **array, Py_ssize_t *room, Py_ssize_t need, size_t size)
{
    if (need <= *room)
        return 0;
    Py_ssize_t more = *room ? 2 * *room : 64;
    void *at = PyMem_Realloc(*array, (size_t)more * size);
    if (!at) {
        PyErr_NoMemory();
        return -1;
    }
    *array = at, *room = more;
    return 0;
}

static Flight *flight_new(Pilot *self)
{
    Flight *flight = self->spare;
    if (flight) {
        self->spare = flight->spare;
        Many raws = flight->raws, got = flight->got;
        memset(flight, 0, sizeof *flight);
        flight->raws = raws, flight->got = got;
    } else if (!(flight = PyMem_Calloc(1, sizeof *flight))) {
        PyErr_NoMemory();
        return NULL;
    }
    flight->slot = -1, flight->walk = -1, flight->rtt = -1.0;
    flight->life = ++self->lives;
    return flight;
}

static void flight_end(Pilot *self, Flight *flight) /* out of every table, and its memory kept for the next */
{
    heap_leave(self, flight);
    if (flight->unsent)
        for (Py_ssize_t i = 0; i < self->outgoing_count; i++)
            if (self->outgoing[i] == flight)
                self->outgoing[i] = NULL;
    if (flight->peer->host->flight == flight)
        flight->peer->host->flight = NULL;
    self->count--;
    flight->life = 0;
    PyObject *entry = flight->entry, *chunks = flight->chunks;
    Question *question = flight->question;
    PyObject *first = flight->first, *last = flight->last;
    many_clear(&flight->raws), many_clear(&flight->got);
    flight->spare = self->spare, self->spare = flight;
    /* last: what these may run must find the tables in order */
    Py_XDECREF(first), Py_XDECREF(last), Py_XDECREF(chunks), Py_XDECREF(question), Py_XDECREF(entry);
}

static int flight_ask(Pilot *self, Flight *flight, PyObject *question, double now) /* ready to send; flush sends */
{
    if (grown((void **)&self->outgoing, &self->outgoing_room, self->outgoing_count + 1, sizeof *self->outgoing) ||
        pilot_number(self, &flight->number))
        return -1;
    PyObject *was = (PyObject *)flight->question;
    flight->question = (Question *)Py_NewRef(question);
    flight->sent++;
    flight->pausing = 0, flight->unsent = 1;
    if (flight->question->walk != flight->walk) {
        flight->walk = flight->question->walk, flight->walk_since = now;
        flight->cells = 0;
    }
    heap_leave(self, flight);
    self->outgoing[self->outgoing_count++] = flight;
    Py_XDECREF(was);
    return 0;
}

/* What the Python way needs to go on with a flight; it is no longer flown here. See Swift._adopt for the order. */
static PyObject *flight_promote(Pilot *self, Flight *flight)
{
    Host *host = flight->peer->host;
    PyObject *raws = many_tuple(&flight->raws);
    if (!raws)
        return NULL;
    PyObject *state = Py_BuildValue("(ONkdLLdldididdidk)", flight->entry, raws, (unsigned long)flight->number,
                                    flight->sent_at, flight->at_ms, flight->lag_ms, flight->deadline, flight->drops,
                                    flight->rtt, flight->walk, flight->walk_since, flight->pausing, flight->paused_at,
                                    flight->waited, flight->unsent, flight->due, (unsigned long)host->last);
    if (state)
        host->last = 0;
    flight_end(self, flight);
    return state;
}

/* ---- what a reply holds */

static PyObject *oid_value(Pilot *self, Shape *shape, Py_ssize_t at, const uint8_t *content, size_t size)
{
    if (shape->text_at == at && shape->text_size == size && !memcmp(shape->text_octets, content, size))
        return Py_NewRef(shape->text);
    PyObject *octets = PyBytes_FromStringAndSize((const char *)content, (Py_ssize_t)size);
    PyObject *text = octets ? PyObject_CallOneArg(self->oid_text, octets) : NULL;
    Py_XDECREF(octets);
    if (text && size <= TEXT) {
        PyObject *was = shape->text;
        memcpy(shape->text_octets, content, size);
        shape->text_at = at, shape->text_size = (uint16_t)size, shape->text = Py_NewRef(text);
        Py_XDECREF(was);
    }
    return text;
}

/* The value of sound content of any type but OBJECT IDENTIFIER. */
static inline PyObject *plain_value(uint8_t tag, const uint8_t *content, size_t size)
{
    uint64_t number = 0;
    switch (tag) {
    case 0x04:
    case 0x40:
    case 0x44:
        return PyBytes_FromStringAndSize((const char *)content, (Py_ssize_t)size);
    case 0x02:
        number = content[0] & 0x80 ? ~(uint64_t)0 : 0;
        for (size_t i = 0; i < size; i++)
            number = number << 8 | content[i];
        return PyLong_FromLongLong((long long)(int64_t)number);
    case 0x41:
    case 0x42:
    case 0x43:
    case 0x46:
        for (size_t i = 0; i < size; i++)
            number = number << 8 | content[i];
        /* the other way round where it fits: CPython makes a small number of a long in a third of the steps */
        return number <= LONG_MAX ? PyLong_FromLong((long)number) : PyLong_FromUnsignedLongLong(number);
    default:
        Py_RETURN_NONE;
    }
}

/* As bytes; those of the last reply where they are the same. */
static inline PyObject *octets_value(Cell *cell, const uint8_t *content, size_t size)
{
    PyObject *last = cell->last;
    if (last && (size_t)PyBytes_GET_SIZE(last) == size && !memcmp(PyBytes_AS_STRING(last), content, size))
        return Py_NewRef(last);
    PyObject *made = PyBytes_FromStringAndSize((const char *)content, (Py_ssize_t)size);
    if (made && size <= OCTETS_KEPT)
        Py_XSETREF(cell->last, Py_NewRef(made));
    return made;
}

static inline PyObject *value_of(Pilot *self, Shape *shape, Py_ssize_t at, const uint8_t *content, size_t size)
{
    Cell *cell = &shape->cells[at];
    if (cell->tag == 0x04)
        return octets_value(cell, content, size);
    return cell->tag == 0x06 ? oid_value(self, shape, at, content, size) : plain_value(cell->tag, content, size);
}

static PyObject *varbinds_of(Pilot *self, PyObject *oids, PyObject *tags, PyObject *values)
{
    PyObject *made = PyObject_GC_New(PyObject, self->varbinds); /* never tracked: as plain_tuple */
    if (!made)
        return NULL;
    PyObject *parts[3] = {oids, tags, values};
    for (int i = 0; i < 3; i++)
        *(PyObject **)((char *)made + self->slots[i]) = Py_NewRef(parts[i]);
    return made;
}

/* What a walk's reply of this shape means, as the Python way worked it out; 0 where it has not, or finds a fault. */
static int shape_step(Pilot *self, Flight *flight, Question *question, Shape *shape)
{
    (void)self;
    if (shape->stepped)
        return 1;
    int found = 0;
    PyObject *memo = PyObject_GetAttr(question->request, s_memo), *key = PyLong_FromVoidPtr(shape->names);
    PyObject *kept = memo && key && PyDict_Check(memo) ? PyDict_GetItemWithError(memo, key) : NULL;
    PyObject *step = kept && PyTuple_Check(kept) && PyTuple_GET_SIZE(kept) == 2 &&
                             PyTuple_GET_ITEM(kept, 0) == shape->names
                         ? Py_NewRef(PyTuple_GET_ITEM(kept, 1))
                         : NULL;
    Py_XDECREF(memo), Py_XDECREF(key);
    if (PyErr_Occurred())
        goto bad;
    /* Step(takes, after, cells, fault, column, order) */
    if (!step || !PyTuple_Check(step) || PyTuple_GET_SIZE(step) != 6 || PyTuple_GET_ITEM(step, 5) != Py_None ||
        PyObject_IsTrue(PyTuple_GET_ITEM(step, 3)) != 0)
        goto out;
    PyObject *takes = PyTuple_GET_ITEM(step, 0), *after = PyTuple_GET_ITEM(step, 1);
    Py_ssize_t count = PyTuple_Check(takes) ? PyTuple_GET_SIZE(takes) : -1;
    if (count < 0 || !PyLong_Check(PyTuple_GET_ITEM(step, 2)))
        goto out;
    shape->kept = PyLong_AsSsize_t(PyTuple_GET_ITEM(step, 2));
    if (shape->kept == -1 && PyErr_Occurred())
        goto bad;
    Take *made = PyMem_Calloc((size_t)count + 1, sizeof *made);
    if (!made) {
        PyErr_NoMemory();
        goto bad;
    }
    shape->takes = made, shape->ntakes = count;
    for (Py_ssize_t i = 0; i < count; i++) { /* Take(column, pick, oids, tags) */
        PyObject *take = PyTuple_GET_ITEM(takes, i);
        Py_ssize_t start, stop, pace;
        made[i].column = (int)PyLong_AsLong(PyTuple_GET_ITEM(take, 0));
        if (PyErr_Occurred() || PySlice_Unpack(PyTuple_GET_ITEM(take, 1), &start, &stop, &pace))
            goto undo;
        made[i].count = PySlice_AdjustIndices(shape->count, &start, &stop, pace);
        made[i].start = start, made[i].step = pace;
        made[i].oids = Py_NewRef(PyTuple_GET_ITEM(take, 2)), made[i].tags = Py_NewRef(PyTuple_GET_ITEM(take, 3));
    }
    if (after != Py_None) {
        PyObject *template = PyObject_CallMethodOneArg(flight->peer->wire, s_template, after);
        PyObject *next = template ? PyObject_GetAttr(template, s_question) : NULL;
        Py_XDECREF(template);
        if (!next)
            goto undo;
        if (!Py_IS_TYPE(next, Question_Type)) {
            Py_DECREF(next);
            goto undo;
        }
        shape->after = next;
    }
    shape->stepped = 1;
    found = 1;
    goto out;
undo:
    while (shape->ntakes) {
        shape->ntakes--;
        Py_CLEAR(shape->takes[shape->ntakes].oids);
        Py_CLEAR(shape->takes[shape->ntakes].tags);
    }
    PyMem_Free(shape->takes);
    shape->takes = NULL;
    if (!PyErr_Occurred())
        goto out;
bad:
    found = -1;
out:
    Py_XDECREF(step);
    return found;
}

static int keep_get(Pilot *self, Flight *flight, Question *question, Shape *shape, const uint8_t *octets,
                    const Span *spans)
{
    Py_ssize_t from = question->uptime ? 1 : 0, count = shape->count - from;
    if (from) {
        PyObject *value = value_of(self, shape, 0, octets + spans[0].at, spans[0].size);
        if (!value)
            return -1;
        PyObject **place = question->uptime == -1 ? &flight->first : &flight->last;
        if (PyLong_Check(value))
            Py_XSETREF(*place, value);
        else
            Py_DECREF(value);
    }
    if (!count)
        return 0;
    PyObject *values = PyTuple_New(count);
    if (!values)
        return -1;
    for (Py_ssize_t i = 0; i < count; i++) {
        const Span *span = &spans[i + from];
        PyObject *value = value_of(self, shape, i + from, octets + span->at, span->size);
        if (!value) {
            Py_DECREF(values);
            return -1;
        }
        PyTuple_SET_ITEM(values, i, value);
    }
    plain_tuple(values);
    PyObject *varbinds = varbinds_of(self, shape->got, shape->gottags, values);
    Py_DECREF(values);
    PyObject *pair = varbinds ? PyTuple_New(2) : NULL;
    if (!pair) {
        Py_XDECREF(varbinds);
        return -1;
    }
    PyTuple_SET_ITEM(pair, 0, Py_NewRef(shape->places));
    PyTuple_SET_ITEM(pair, 1, varbinds);
    return many_push(&flight->got, plain_tuple(pair));
}

static int keep_walk(Pilot *self, Flight *flight, Question *question, Shape *shape, const uint8_t *octets,
                     const Span *spans)
{
    Py_ssize_t base = flight->plan->bases[question->walk];
    if (!flight->chunks) {
        PyObject *chunks = PyTuple_New(flight->plan->columns);
        for (Py_ssize_t i = 0; chunks && i < flight->plan->columns; i++) {
            PyObject *list = PyList_New(0);
            if (!list)
                Py_CLEAR(chunks);
            else
                PyTuple_SET_ITEM(chunks, i, list);
        }
        if (!(flight->chunks = chunks))
            return -1;
    }
    for (Py_ssize_t i = 0; i < shape->ntakes; i++) {
        const Take *take = &shape->takes[i];
        PyObject *values = PyTuple_New(take->count);
        if (!values)
            return -1;
        for (Py_ssize_t j = 0, at = take->start; j < take->count; j++, at += take->step) {
            PyObject *value = value_of(self, shape, at, octets + spans[at].at, spans[at].size);
            if (!value) {
                Py_DECREF(values);
                return -1;
            }
            PyTuple_SET_ITEM(values, j, value);
        }
        plain_tuple(values);
        PyObject *chunk = PyTuple_Pack(3, take->oids, take->tags, values);
        Py_DECREF(values);
        int bad = !chunk || PyList_Append(PyTuple_GET_ITEM(flight->chunks, base + take->column), chunk);
        Py_XDECREF(chunk);
        if (bad)
            return -1;
    }
    return 0;
}

/* ---- the end of an ask */

static PyObject *walks_of(Pilot *self, Flight *flight)
{
    Plan *plan = flight->plan;
    Py_ssize_t count = PyTuple_GET_SIZE(plan->walks);
    PyObject *walks = PyTuple_New(count);
    for (Py_ssize_t i = 0; walks && i < count; i++) {
        PyObject *roots = PyTuple_GET_ITEM(plan->walks, i);
        PyObject *growth = PyTuple_New(PyTuple_GET_SIZE(roots));
        for (Py_ssize_t j = 0; growth && j < PyTuple_GET_SIZE(roots); j++) {
            PyObject *column = PyObject_CallNoArgs(self->column);
            if (column && flight->chunks &&
                PyObject_SetAttr(column, s_chunks, PyTuple_GET_ITEM(flight->chunks, plan->bases[i] + j)))
                Py_CLEAR(column);
            if (!column)
                Py_CLEAR(growth);
            else
                PyTuple_SET_ITEM(growth, j, column);
        }
        PyObject *failures = growth ? PyDict_New() : NULL;
        PyObject *walked = failures ? PyObject_CallFunctionObjArgs(self->walked, roots, growth, failures, NULL) : NULL;
        Py_XDECREF(growth), Py_XDECREF(failures);
        if (!walked)
            Py_CLEAR(walks);
        else
            PyTuple_SET_ITEM(walks, i, walked);
    }
    return walks;
}

static PyObject *or_none(PyObject *object)
{
    return Py_NewRef(object ? object : Py_None);
}

/* The number as an object; that of the last call where it is the same: what began in one turn has one clock time. */
static PyObject *same_number(Last *last, long long number)
{
    if (!last->object || last->number != number) {
        PyObject *made = PyLong_FromLongLong(number);
        if (!made)
            return NULL;
        Py_XSETREF(last->object, made);
        last->number = number;
    }
    return Py_NewRef(last->object);
}

static PyObject *answer_of(Pilot *self, Flight *flight)
{
    PyObject *job = PyTuple_GET_ITEM(flight->entry, 0);
    PyObject *parts[14] = {
        Py_NewRef(PyTuple_GET_ITEM(job, 2)),
        Py_NewRef(Py_None),
        walks_of(self, flight),
        many_tuple(&flight->got),
        Py_NewRef(self->nothing),
        PyLong_FromSsize_t(flight->plan->asked),
        PyLong_FromLong(1),
        PyLong_FromLong(flight->sent),
        same_number(&self->at_ms, flight->at_ms),
        PyFloat_FromDouble(flight->rtt),
        PyLong_FromLongLong(flight->lag_ms),
        or_none(flight->first),
        or_none(flight->last),
        many_tuple(&flight->raws),
    };
    int bad = 0;
    for (int i = 0; i < 14; i++)
        bad |= !parts[i];
    PyTupleObject *answer = bad ? NULL : PyObject_GC_NewVar(PyTupleObject, self->answer, 14);
    if (!answer) {
        for (int i = 0; i < 14; i++)
            Py_XDECREF(parts[i]);
        return NULL;
    }
    plain_tuple(parts[3]), plain_tuple(parts[13]);
    memcpy(answer->ob_item, parts, sizeof parts);
    PyObject_GC_Track(answer);
    return (PyObject *)answer;
}

static int flight_land(Pilot *self, Flight *flight, PyObject *loop, PyObject *tray, PyObject *behind)
{
    PyObject *answer = answer_of(self, flight);
    if (!answer)
        return -1;
    PyObject *hand_over = Py_NewRef(PyTuple_GET_ITEM(flight->entry, 1));
    PyObject *address = Py_NewRef(flight->peer->host->address);
    flight_end(self, flight);
    self->sums[ANSWERED]++;
    PyObject *done = PyDict_GetItemWithError(tray, hand_over);
    int bad = 0;
    if (done)
        bad = PyList_Append(done, answer);
    else if (PyErr_Occurred())
        bad = -1;
    else {
        done = PyList_New(1);
        if (!done)
            bad = -1;
        else {
            PyList_SET_ITEM(done, 0, Py_NewRef(answer));
            bad = PyDict_SetItem(tray, hand_over, done);
            Py_DECREF(done);
        }
    }
    if (!bad && PyDict_GET_SIZE(behind)) {
        PyObject *said = PyObject_CallMethodOneArg(loop, s_release, address);
        bad = said ? 0 : -1;
        Py_XDECREF(said);
    }
    Py_DECREF(answer), Py_DECREF(hand_over), Py_DECREF(address);
    return bad;
}

/* Takes a datagram as the reply a flight waits for: 1 taken, 0 not fully recognised (nothing was changed), -1 error. */
static int flight_take(Pilot *self, Flight *flight, const uint8_t *octets, size_t size, double now,
                       double empty_at, PyObject *loop, PyObject *tray, PyObject *behind)
{
    Question *question = flight->question;
    const Plan *plan = flight->plan;
    if (flight->pausing || flight->unsent || now >= flight->deadline || !question->nshapes)
        return 0;
    Shape *shape = question->shapes[0]; /* the one that came last */
    const Span *spans = shape->mould.spans;
    if (!moulded(shape, octets, size, flight->number)) {
        size_t id_at, at = opened(question, octets, size, flight->number, &id_at);
        if (!at)
            return 0;
        shape = NULL, spans = self->spans;
        for (int i = 0; i < question->nshapes && !shape; i++)
            if (matches(question->shapes[i], octets, at, size, self->spans)) {
                shape = question->shapes[i];
                if (i) {
                    memmove(question->shapes + 1, question->shapes, (size_t)i * sizeof shape);
                    question->shapes[0] = shape;
                }
                mould_make(shape, octets, size, id_at, spans);
            }
    }
    if (!shape || flight->heard + shape->count > plan->varbinds || flight->sent > plan->requests ||
        flight->octets + (long)size > plan->octets)
        return 0;
    if (question->walk >= 0) {
        int stepped = now - flight->walk_since > plan->walk_s ? 0 : shape_step(self, flight, question, shape);
        if (stepped <= 0)
            return stepped;
        if (flight->cells + shape->kept >= plan->walk_varbinds)
            return 0;
    }
    PyObject *raw = PyBytes_FromStringAndSize((const char *)octets, (Py_ssize_t)size);
    if (!raw || many_push(&flight->raws, raw))
        return -1;
    if (question->walk < 0 ? keep_get(self, flight, question, shape, octets, spans)
                           : keep_walk(self, flight, question, shape, octets, spans))
        return -1;
    question->hits++, self->taken++;
    if (flight->rtt < 0)
        flight->rtt = (now - flight->sent_at) * 1000;
    if (empty_at > flight->sent_at)
        flight->waited += empty_at - flight->sent_at;
    self->sums[OCTETS] += (long)size, self->sums[RECOGNISED]++;
    Host *host = flight->peer->host;
    host->last = flight->number, host->answered = 1;
    flight->octets += (long)size, flight->heard += shape->count;
    PyObject *next = NULL;
    if (question->walk >= 0) {
        flight->cells += shape->kept;
        next = shape->after;
    }
    if (!next && flight->top)
        next = PyTuple_GET_ITEM(plan->questions, --flight->top);
    if (!next)
        return flight_land(self, flight, loop, tray, behind) ? -1 : 1;
    if (flight->peer->rate > 0) { /* the next request waits for the device's budget of varbinds */
        PyObject *was = (PyObject *)flight->question;
        Py_ssize_t count = shape->count;
        flight->question = (Question *)Py_NewRef(next);
        flight->pausing = 1, flight->paused_at = now;
        heap_wait(self, flight, now + (double)count / flight->peer->rate);
        Py_DECREF(was);
        return 1;
    }
    return flight_ask(self, flight, next, now) ? -1 : 1;
}

/* ---- the Pilot's methods */

static void pilot_forget_all(Pilot *self)
{
    for (size_t i = 0; i < self->peers.room; i++) {
        Peer *peer = self->peers.at[i].value;
        if (peer) {
            Py_DECREF(peer->target), Py_DECREF(peer->wire);
            PyMem_Free(peer);
        }
    }
    for (size_t i = 0; i < self->hosts.room; i++) {
        Host *host = self->hosts.at[i].value;
        if (host) {
            Py_DECREF(host->address);
            PyMem_Free(host);
        }
    }
    for (size_t i = 0; i < self->plans.room; i++) {
        Plan *plan = self->plans.at[i].value;
        if (plan) {
            Py_DECREF(plan->ask), Py_DECREF(plan->wire), Py_DECREF(plan->walks), Py_DECREF(plan->questions);
            PyMem_Free(plan->bases), PyMem_Free(plan);
        }
    }
    table_empty(&self->peers), table_empty(&self->hosts), table_empty(&self->plans);
}

static void pilot_dealloc(Pilot *self)
{
    PyTypeObject *type = Py_TYPE(self);
    for (size_t i = 0; i < self->hosts.room; i++) {
        Host *host = self->hosts.at[i].value;
        if (host && host->flight)
            flight_end(self, host->flight);
    }
    pilot_forget_all(self);
    while (self->spare) {
        Flight *flight = self->spare;
        self->spare = flight->spare;
        PyMem_Free(flight->raws.at), PyMem_Free(flight->got.at), PyMem_Free(flight);
    }
    PyMem_Free(self->heap), PyMem_Free(self->outgoing), PyMem_Free(self->in), PyMem_Free(self->out);
    Py_XDECREF(self->counters), Py_XDECREF(self->monotonic), Py_XDECREF(self->oid_text);
    Py_XDECREF(self->answer), Py_XDECREF(self->varbinds), Py_XDECREF(self->walked), Py_XDECREF(self->column);
    Py_XDECREF(self->nothing), Py_XDECREF(self->at_ms.object);
    Py_XDECREF(self->due_ms.object), Py_XDECREF(self->submitted_ms.object);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Pilot(counters, monotonic, oid_text, Answer, Varbinds, Walked, Column) */
/* Where instances keep what __slots__ names: set by place, a value costs a quarter of what it does by name. */
static int slot_at(PyObject *type, const char *name, Py_ssize_t *at)
{
    PyObject *found = PyObject_GetAttrString(type, name);
    if (!found)
        return -1;
    PyMemberDef *member = Py_IS_TYPE(found, &PyMemberDescr_Type) ? ((PyMemberDescrObject *)found)->d_member : NULL;
    int bad = !member || member->type != T_OBJECT_EX;
    if (!bad)
        *at = member->offset;
    else
        PyErr_Format(PyExc_TypeError, "%R must have a slot %s", type, name);
    Py_DECREF(found);
    return bad ? -1 : 0;
}

static PyObject *pilot_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *counters, *monotonic, *oid_text, *answer, *varbinds, *walked, *column, *nothing;
    Py_ssize_t slots[3];
    if (kwargs && PyDict_GET_SIZE(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Pilot takes no keywords");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "OOOO!O!OOO", &counters, &monotonic, &oid_text, &PyType_Type, &answer, &PyType_Type,
                          &varbinds, &walked, &column, &nothing))
        return NULL;
    if (!PyType_IsSubtype((PyTypeObject *)answer, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "the answer's type must be a NamedTuple");
        return NULL;
    }
    Py_ssize_t plain = (Py_ssize_t)(sizeof(PyObject) + 3 * sizeof(PyObject *));
    if (((PyTypeObject *)varbinds)->tp_basicsize != plain) {
        PyErr_SetString(PyExc_TypeError, "Varbinds must have three slots and nothing else");
        return NULL;
    }
    if (slot_at(varbinds, "oids", &slots[0]) || slot_at(varbinds, "tags", &slots[1]) ||
        slot_at(varbinds, "values", &slots[2]))
        return NULL;
    Pilot *self = (Pilot *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    memcpy(self->slots, slots, sizeof slots);
    self->counters = Py_NewRef(counters), self->monotonic = Py_NewRef(monotonic), self->oid_text = Py_NewRef(oid_text);
    self->answer = (PyTypeObject *)Py_NewRef(answer), self->varbinds = (PyTypeObject *)Py_NewRef(varbinds);
    self->walked = Py_NewRef(walked), self->column = Py_NewRef(column);
    self->nothing = Py_NewRef(nothing);
    /* One after the other, a little apart: at a stride of 64 KiB all of them would share one set of the cache. */
    self->in = PyMem_Malloc((size_t)BATCH * (DATAGRAM + 192));
    if (!self->in) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    for (int i = 0; i < BATCH; i++) {
        self->in_parts[i] = (struct iovec){self->in + (size_t)i * (DATAGRAM + 192), DATAGRAM};
        self->in_heads[i].msg_hdr.msg_iov = &self->in_parts[i];
        self->in_heads[i].msg_hdr.msg_iovlen = 1;
        self->in_heads[i].msg_hdr.msg_name = &self->in_names[i];
    }
    for (int i = 0; i < SENDS; i++) {
        self->out_heads[i].msg_hdr.msg_iov = &self->out_parts[i];
        self->out_heads[i].msg_hdr.msg_iovlen = 1;
        self->out_heads[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in);
    }
    return (PyObject *)self;
}

static int name_of(PyObject *address, struct sockaddr_in *name)
{
    const char *host;
    int port;
    if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(address, 0)) ||
        !PyLong_Check(PyTuple_GET_ITEM(address, 1)))
        return 0;
    host = PyUnicode_AsUTF8(PyTuple_GET_ITEM(address, 0));
    port = (int)PyLong_AsLong(PyTuple_GET_ITEM(address, 1));
    memset(name, 0, sizeof *name);
    name->sin_family = AF_INET;
    if (!host || PyErr_Occurred() || port <= 0 || port > 65535 || inet_pton(AF_INET, host, &name->sin_addr) != 1) {
        PyErr_Clear();
        return 0;
    }
    name->sin_port = htons((uint16_t)port);
    return 1;
}

static PyObject *address_of(const struct sockaddr_in *name)
{
    char host[INET_ADDRSTRLEN];
    if (!inet_ntop(AF_INET, &name->sin_addr, host, sizeof host))
        return PyErr_SetFromErrno(PyExc_OSError);
    return Py_BuildValue("(si)", host, (int)ntohs(name->sin_port));
}

/* know(target, address, wire, timeout_s, deadline_s, rate) -> bool: False where the tables are full */
static PyObject *pilot_know(Pilot *self, PyObject *args)
{
    PyObject *target, *address, *wire;
    double timeout_s, deadline_s, rate;
    struct sockaddr_in name;
    if (!PyArg_ParseTuple(args, "OOOddd", &target, &address, &wire, &timeout_s, &deadline_s, &rate))
        return NULL;
    uint64_t key = (uint64_t)(uintptr_t)target;
    if (table_get(&self->peers, key) || !name_of(address, &name))
        Py_RETURN_TRUE;
    if (self->peers.count >= MOST_KNOWN)
        Py_RETURN_FALSE;
    Host *host = table_get(&self->hosts, host_key(&name));
    if (!host) {
        if (!(host = PyMem_Calloc(1, sizeof *host)))
            return PyErr_NoMemory();
        host->to = name;
        if (table_put(&self->hosts, host_key(&name), host)) {
            PyMem_Free(host);
            return NULL;
        }
        host->address = Py_NewRef(address);
    }
    Peer *peer = PyMem_Calloc(1, sizeof *peer);
    if (!peer)
        return PyErr_NoMemory();
    if (table_put(&self->peers, key, peer)) {
        PyMem_Free(peer);
        return NULL;
    }
    peer->target = Py_NewRef(target), peer->wire = Py_NewRef(wire), peer->host = host;
    peer->timeout_s = timeout_s, peer->deadline_s = deadline_s, peer->rate = rate;
    Py_RETURN_TRUE;
}

/* plan(ask, wire, questions, asked, walks, (walk_varbinds, walk_s, octets, varbinds, requests)) -> bool */
static PyObject *pilot_plan(Pilot *self, PyObject *args)
{
    PyObject *ask, *wire, *questions, *walks;
    Py_ssize_t asked;
    long walk_varbinds, octets, varbinds, requests;
    double walk_s;
    if (!PyArg_ParseTuple(args, "OOO!nO!(ldlll)", &ask, &wire, &PyTuple_Type, &questions, &asked, &PyTuple_Type, &walks,
                          &walk_varbinds, &walk_s, &octets, &varbinds, &requests))
        return NULL;
    uint64_t key = plan_key(ask, wire);
    if (table_get(&self->plans, key) || !PyTuple_GET_SIZE(questions))
        Py_RETURN_TRUE;
    if (self->plans.count >= MOST_PLANS)
        Py_RETURN_FALSE;
    Py_ssize_t count = PyTuple_GET_SIZE(walks), columns = 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (!PyTuple_Check(PyTuple_GET_ITEM(walks, i))) {
            PyErr_SetString(PyExc_TypeError, "a walk is a tuple of columns");
            return NULL;
        }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(questions); i++) {
        Question *question = (Question *)PyTuple_GET_ITEM(questions, i);
        if (!Py_IS_TYPE(question, Question_Type) || question->walk >= count) {
            PyErr_SetString(PyExc_TypeError, "a plan is made of Questions of its ask");
            return NULL;
        }
    }
    Plan *plan = PyMem_Calloc(1, sizeof *plan);
    Py_ssize_t *bases = PyMem_Calloc((size_t)count + 1, sizeof *bases);
    if (!plan || !bases || table_put(&self->plans, key, plan)) {
        PyMem_Free(plan), PyMem_Free(bases);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        bases[i] = columns;
        columns += PyTuple_GET_SIZE(PyTuple_GET_ITEM(walks, i));
    }
    plan->ask = Py_NewRef(ask), plan->wire = Py_NewRef(wire), plan->walks = Py_NewRef(walks);
    plan->questions = Py_NewRef(questions);
    plan->bases = bases, plan->columns = columns, plan->asked = asked;
    plan->walk_varbinds = walk_varbinds, plan->walk_s = walk_s;
    plan->octets = octets, plan->varbinds = varbinds, plan->requests = requests;
    Py_RETURN_TRUE;
}

/* The object as a number; that of the last call where it is the same object: a round has one instant. */
static long long number_of(Last *last, PyObject *object)
{
    if (last->object != object) {
        long long number = PyLong_AsLongLong(object);
        if (number == -1 && PyErr_Occurred())
            return -1;
        last->number = number;
        Py_XSETREF(last->object, Py_NewRef(object));
    }
    return last->number;
}

/* Begins the entry (job, hand_over, submitted_ms): 1 begun, 0 not one of ours, -1 error */
static int begun(Pilot *self, PyObject *entry, PyObject *flights, long long now_ms, double now, long drops)
{
    if (!PyTuple_Check(entry) || PyTuple_GET_SIZE(entry) != 3)
        return 0;
    PyObject *job = PyTuple_GET_ITEM(entry, 0);
    if (!PyTuple_Check(job) || PyTuple_GET_SIZE(job) != 4 || !PyLong_Check(PyTuple_GET_ITEM(job, 3)) ||
        !PyLong_Check(PyTuple_GET_ITEM(entry, 2)))
        return 0;
    PyObject *ask = PyTuple_GET_ITEM(job, 1);
    Peer *peer = table_get(&self->peers, (uint64_t)(uintptr_t)PyTuple_GET_ITEM(job, 0));
    if (!peer || peer->host->flight)
        return 0;
    Plan *plan = table_get(&self->plans, plan_key(ask, peer->wire));
    if (!plan || plan->ask != ask || plan->wire != peer->wire)
        return 0;
    Py_ssize_t count = PyTuple_GET_SIZE(plan->questions);
    for (Py_ssize_t i = 0; i < count; i++)
        if (question_hopeless((Question *)PyTuple_GET_ITEM(plan->questions, i)))
            return 0;
    if (PyDict_GET_SIZE(flights)) {
        PyObject *there = PyDict_GetItemWithError(flights, peer->host->address);
        if (there || PyErr_Occurred())
            return there ? 0 : -1;
    }
    long long due_ms = number_of(&self->due_ms, PyTuple_GET_ITEM(job, 3));
    if (!due_ms)
        due_ms = number_of(&self->submitted_ms, PyTuple_GET_ITEM(entry, 2));
    if (due_ms == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    if (grown((void **)&self->heap, &self->heap_room, self->count + 1, sizeof *self->heap))
        return -1;
    Flight *flight = flight_new(self);
    if (!flight)
        return -1;
    flight->peer = peer, flight->plan = plan;
    flight->entry = Py_NewRef(entry);
    flight->at_ms = now_ms, flight->lag_ms = now_ms > due_ms ? now_ms - due_ms : 0;
    flight->deadline = now + peer->deadline_s, flight->drops = drops;
    flight->top = count - 1;
    peer->host->flight = flight;
    self->count++;
    self->sums[ASKS]++;
    if (flight_ask(self, flight, PyTuple_GET_ITEM(plan->questions, count - 1), now)) {
        flight_end(self, flight);
        return -1;
    }
    return 1;
}

/* begin(popleft, queue, flights, room, now_ms, now, drops) -> the first entry that is not ours, or None */
static PyObject *pilot_begin(Pilot *self, PyObject *args)
{
    PyObject *popleft, *queue, *flights;
    Py_ssize_t room;
    long long now_ms;
    double now;
    long drops;
    if (!PyArg_ParseTuple(args, "OOO!nLdl", &popleft, &queue, &PyDict_Type, &flights, &room, &now_ms, &now, &drops))
        return NULL;
    Py_ssize_t left = PyObject_Size(queue);
    if (left < 0)
        return NULL;
    for (; room > 0 && left > 0; room--, left--) {
        PyObject *entry = PyObject_CallNoArgs(popleft);
        if (!entry)
            return told_with(self, NULL);
        int ours = begun(self, entry, flights, now_ms, now, drops);
        if (!ours)
            return told_with(self, entry);
        Py_DECREF(entry);
        if (ours < 0)
            return told_with(self, NULL);
    }
    return told_with(self, Py_NewRef(Py_None));
}

static int unsent(Pilot *self, Flight *flight, PyObject *loop, const uint8_t *octets, Py_ssize_t size)
{
    PyObject *said = PyBytes_FromStringAndSize((const char *)octets, size);
    PyObject *state = said ? flight_promote(self, flight) : NULL;
    PyObject *done = state ? PyObject_CallMethodObjArgs(loop, s_unsent, state, said, NULL) : NULL;
    Py_XDECREF(said), Py_XDECREF(state), Py_XDECREF(done);
    return done ? 0 : -1;
}

static void flight_sent(Pilot *self, Flight *flight, double now)
{
    flight->unsent = 0;
    flight->sent_at = now;
    heap_wait(self, flight, now + flight->peer->timeout_s);
}

/* Sends by the channel's own method: channels in memory have no descriptor. */
static int send_one(Pilot *self, Flight *flight, PyObject *loop, PyObject *channel, const uint8_t *octets,
                    Py_ssize_t size, double now)
{
    PyObject *said = PyBytes_FromStringAndSize((const char *)octets, size);
    PyObject *address = Py_NewRef(flight->peer->host->address);
    PyObject *done = said ? PyObject_CallMethodObjArgs(channel, s_send, said, address, NULL) : NULL;
    Py_XDECREF(said), Py_DECREF(address);
    flight_sent(self, flight, now);
    if (done) {
        Py_DECREF(done);
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_OSError))
        return -1;
    PyErr_Clear();
    return unsent(self, flight, loop, octets, size);
}

static int send_all(Pilot *self, PyObject *loop, PyObject *channel, int fd)
{
    Py_ssize_t next = 0;
    while (next < self->outgoing_count) {
        Flight *batch[SENDS];
        uint64_t lives[SENDS]; /* what Python does about one that could not be sent may end others */
        int count = 0, careful = 0;
        size_t used = 0;
        double now;
        for (Py_ssize_t i = next; i < self->outgoing_count && i < next + SENDS; i++)
            if (self->outgoing[i])
                used += (size_t)self->outgoing[i]->question->size;
        if (used > self->out_room) {
            uint8_t *out = PyMem_Realloc(self->out, 2 * used);
            if (!out) {
                PyErr_NoMemory();
                return -1;
            }
            self->out = out, self->out_room = 2 * used;
        }
        used = 0;
        while (next < self->outgoing_count && count < SENDS) {
            Flight *flight = self->outgoing[next++];
            if (!flight)
                continue;
            const Question *question = flight->question;
            uint8_t *octets = self->out + used;
            memcpy(octets, question->octets, (size_t)question->size);
            for (int i = 0; i < 4; i++)
                octets[question->id_at + i] = (uint8_t)(flight->number >> (24 - 8 * i));
            self->out_parts[count] = (struct iovec){octets, (size_t)question->size};
            self->out_heads[count].msg_hdr.msg_name = &flight->peer->host->to;
            used += (size_t)question->size;
            lives[count] = flight->life;
            batch[count++] = flight;
        }
        if (!count || pilot_now(self, &now))
            return count ? -1 : 0;
        self->sums[SENT] += count;
        for (int done = 0; done < count;) {
            const struct iovec *part = &self->out_parts[done];
            Flight *flight = batch[done];
            if (flight->life != lives[done]) {
                done++;
                continue;
            }
            if (fd < 0) {
                if (send_one(self, flight, loop, channel, part->iov_base, (Py_ssize_t)part->iov_len, now))
                    return -1;
                done++;
                continue;
            }
            int went = sendmmsg(fd, self->out_heads + done, careful ? 1 : (unsigned)(count - done), MSG_DONTWAIT);
            for (int i = 0; i < went; i++)
                flight_sent(self, batch[done++], now);
            if (went <= 0) {
                careful = 1;
                done++;
                flight_sent(self, flight, now);
                if (unsent(self, flight, loop, part->iov_base, (Py_ssize_t)part->iov_len))
                    return -1;
            }
        }
    }
    self->outgoing_count = 0;
    return 0;
}

/* flush(loop, channel, fd): sends what is ready */
static PyObject *pilot_flush(Pilot *self, PyObject *args)
{
    PyObject *loop, *channel;
    int fd;
    if (!PyArg_ParseTuple(args, "OOi", &loop, &channel, &fd))
        return NULL;
    if (!self->outgoing_count)
        Py_RETURN_NONE;
    return told_with(self, send_all(self, loop, channel, fd) ? NULL : Py_NewRef(Py_None));
}

/* A datagram from the shared socket: to the flight it is the reply of, else to the Python way. */
static int arrived(Pilot *self, PyObject *loop, PyObject *flights, PyObject *tray, PyObject *behind,
                   const struct sockaddr_in *name, const uint8_t *octets, size_t size, double now, double empty_at)
{
    Host *host = table_get(&self->hosts, host_key(name));
    PyObject *state = NULL, *address;
    if (host && host->flight) {
        int taken = flight_take(self, host->flight, octets, size, now, empty_at, loop, tray, behind);
        if (taken)
            return taken < 0 ? -1 : 0;
    }
    if (!(address = host ? Py_NewRef(host->address) : address_of(name)))
        return -1;
    if (host && host->flight) {
        if (!(state = flight_promote(self, host->flight)))
            goto bad;
    } else if (host && host->answered) {
        int there = PyDict_Contains(flights, address);
        if (there < 0)
            goto bad;
        if (!there) { /* nothing is awaited from who was answered before */
            self->sums[LATE]++;
            Py_DECREF(address);
            return 0;
        }
    }
    PyObject *said = PyBytes_FromStringAndSize((const char *)octets, (Py_ssize_t)size);
    PyObject *done =
        said ? PyObject_CallMethodObjArgs(loop, s_odd, said, address, state ? state : Py_None, NULL) : NULL;
    Py_XDECREF(said), Py_XDECREF(state), Py_DECREF(address), Py_XDECREF(done);
    return done ? 0 : -1;
bad:
    Py_DECREF(address);
    return -1;
}

/* By the channel's own method, one: 1 came, 0 nothing there, -1 error, -2 an error of the socket */
static int receive_one(Pilot *self, PyObject *loop, PyObject *channel, PyObject *flights, PyObject *tray,
                       PyObject *behind, double empty_at)
{
    struct sockaddr_in name;
    double now;
    PyObject *pair = PyObject_CallMethod(channel, "receive", "i", 65535);
    if (!pair) {
        int none = PyErr_ExceptionMatches(PyExc_BlockingIOError), error = PyErr_ExceptionMatches(PyExc_OSError);
        if (none || error)
            PyErr_Clear();
        return none ? 0 : error ? -2 : -1;
    }
    PyObject *octets, *address;
    int came = -1;
    if (PyArg_ParseTuple(pair, "SO", &octets, &address) && !pilot_now(self, &now)) {
        if (name_of(address, &name))
            came = arrived(self, loop, flights, tray, behind, &name, (const uint8_t *)PyBytes_AS_STRING(octets),
                           (size_t)PyBytes_GET_SIZE(octets), now, empty_at)
                       ? -1
                       : 1;
        else
            PyErr_SetString(PyExc_TypeError, "the shared channel here is of IPv4");
    }
    Py_DECREF(pair);
    return came;
}

/* Has the processor fetch what the datagram from there will need; nothing of it is kept. */
static void foreseen(const Pilot *self, const struct sockaddr_in *name)
{
    const Host *host = table_get(&self->hosts, host_key(name));
    const Flight *flight = host ? host->flight : NULL;
    for (size_t at = 0; flight && at < sizeof *flight; at += 64)
        __builtin_prefetch((const char *)flight + at, 1);
}

/* receive(loop, channel, fd, empty_at, flights, tray, behind) -> how many came; ~that where the socket told an error */
static PyObject *pilot_receive(Pilot *self, PyObject *args)
{
    PyObject *loop, *channel, *flights, *tray, *behind;
    int fd, error = 0;
    long took = 0;
    double now, empty_at;
    if (!PyArg_ParseTuple(args, "OOidO!O!O!", &loop, &channel, &fd, &empty_at, &PyDict_Type, &flights, &PyDict_Type,
                          &tray, &PyDict_Type, &behind))
        return NULL;
    if (fd < 0)
        for (; took < BATCH * ROUNDS; took++) {
            int came = receive_one(self, loop, channel, flights, tray, behind, empty_at);
            if (came == -1)
                return told_with(self, NULL);
            error = came == -2;
            if (came <= 0)
                break;
            self->sums[RECEIVED]++;
        }
    else
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < BATCH; i++)
                self->in_heads[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_in);
            int came = recvmmsg(fd, self->in_heads, BATCH, MSG_DONTWAIT, NULL);
            if (came < 0) {
                error = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
                break;
            }
            took += came;
            self->sums[RECEIVED] += came;
            if (pilot_now(self, &now))
                return told_with(self, NULL);
            for (int i = 0; i < came; i++) {
                if (i + AHEAD < came)
                    foreseen(self, &self->in_names[i + AHEAD]);
                if (arrived(self, loop, flights, tray, behind, &self->in_names[i], self->in_parts[i].iov_base,
                            self->in_heads[i].msg_len, now, empty_at))
                    return told_with(self, NULL);
            }
            if (came < BATCH)
                break;
        }
    return told_with(self, PyLong_FromLong(error ? ~took : took));
}

/* over(now) -> the states of those whose wait is over; whose pause is over is asked on */
static PyObject *pilot_over(Pilot *self, PyObject *when)
{
    double now = PyFloat_AsDouble(when);
    if (now == -1.0 && PyErr_Occurred())
        return NULL;
    PyObject *over = PyList_New(0);
    while (over && self->waiting && self->heap[0]->due <= now) {
        Flight *flight = self->heap[0];
        if (flight->pausing && now < flight->deadline) {
            flight->walk_since += now - flight->paused_at; /* our own budget is no slowness of the device */
            if (flight_ask(self, flight, (PyObject *)flight->question, now))
                Py_CLEAR(over);
            continue;
        }
        PyObject *state = flight_promote(self, flight);
        if (!state || PyList_Append(over, state))
            Py_CLEAR(over);
        Py_XDECREF(state);
    }
    return over;
}

/* next() -> when the next wait is over, or None */
static PyObject *pilot_next(Pilot *self, PyObject *Py_UNUSED(none))
{
    if (!self->waiting)
        Py_RETURN_NONE;
    return PyFloat_FromDouble(self->heap[0]->due);
}

/* at(address) -> the state of the flight there, which is flown here no more, or None */
static PyObject *pilot_at(Pilot *self, PyObject *address)
{
    struct sockaddr_in name;
    Host *host = name_of(address, &name) ? table_get(&self->hosts, host_key(&name)) : NULL;
    if (!host || !host->flight)
        Py_RETURN_NONE;
    return flight_promote(self, host->flight);
}

/* busy(address) -> whether a flight is under way here */
static PyObject *pilot_busy(Pilot *self, PyObject *address)
{
    struct sockaddr_in name;
    Host *host = name_of(address, &name) ? table_get(&self->hosts, host_key(&name)) : NULL;
    return PyBool_FromLong(host && host->flight);
}

/* last(address) -> the id of the last reply taken here, once; 0: none */
static PyObject *pilot_last(Pilot *self, PyObject *address)
{
    struct sockaddr_in name;
    Host *host = name_of(address, &name) ? table_get(&self->hosts, host_key(&name)) : NULL;
    uint32_t last = host ? host->last : 0;
    if (host)
        host->last = 0;
    return PyLong_FromUnsignedLong(last);
}

/* all() -> the states of all flights, which are flown here no more */
static PyObject *pilot_all(Pilot *self, PyObject *Py_UNUSED(none))
{
    PyObject *all = PyList_New(0);
    for (size_t i = 0; all && i < self->hosts.room; i++) {
        Host *host = self->hosts.at[i].value;
        if (!host || !host->flight)
            continue;
        PyObject *state = flight_promote(self, host->flight);
        if (!state || PyList_Append(all, state))
            Py_CLEAR(all);
        Py_XDECREF(state);
    }
    self->outgoing_count = 0;
    return all;
}

/* forget(): empties the tables of targets and plans; nothing may be under way */
static PyObject *pilot_forget(Pilot *self, PyObject *Py_UNUSED(none))
{
    if (self->count) {
        PyErr_SetString(PyExc_RuntimeError, "flights are under way; take them over with all() first");
        return NULL;
    }
    pilot_forget_all(self);
    Py_RETURN_NONE;
}

static PyMethodDef pilot_methods[] = {
    {"know", (PyCFunction)pilot_know, METH_VARARGS, "know(target, address, wire, timeout_s, deadline_s, rate)"},
    {"plan", (PyCFunction)pilot_plan, METH_VARARGS, "plan(ask, wire, questions, asked, walks, limits)"},
    {"begin", (PyCFunction)pilot_begin, METH_VARARGS, "begin(popleft, queue, flights, room, now_ms, now, drops)"},
    {"flush", (PyCFunction)pilot_flush, METH_VARARGS, "flush(loop, channel, fd)"},
    {"receive", (PyCFunction)pilot_receive, METH_VARARGS,
     "receive(loop, channel, fd, empty_at, flights, tray, behind)"},
    {"over", (PyCFunction)pilot_over, METH_O, "over(now): the states of those whose wait is over"},
    {"next", (PyCFunction)pilot_next, METH_NOARGS, "when the next wait is over"},
    {"at", (PyCFunction)pilot_at, METH_O, "at(address): the state of the flight there"},
    {"busy", (PyCFunction)pilot_busy, METH_O, "busy(address): whether it is asked here now"},
    {"last", (PyCFunction)pilot_last, METH_O, "last(address): the id of the last reply taken here, once"},
    {"all", (PyCFunction)pilot_all, METH_NOARGS, "the states of all flights"},
    {"forget", (PyCFunction)pilot_forget, METH_NOARGS, "empty the tables"},
    {NULL, NULL, 0, NULL}};

static PyMemberDef pilot_members[] = {{"count", T_PYSSIZET, offsetof(Pilot, count), READONLY, "flights under way"},
                                      {"taken", T_LONG, offsetof(Pilot, taken), READONLY, "replies taken so far"},
                                      {NULL, 0, 0, 0, NULL}};

static PyType_Slot pilot_slots[] = {{Py_tp_new, pilot_new},
                                    {Py_tp_dealloc, pilot_dealloc},
                                    {Py_tp_methods, pilot_methods},
                                    {Py_tp_members, pilot_members},
                                    {Py_tp_doc, "Flies the asks that go as they went before."},
                                    {0, NULL}};

static PyType_Spec pilot_spec = {"collectors.snmp._fast.Pilot", sizeof(Pilot), 0, Py_TPFLAGS_DEFAULT, pilot_slots};

/* ---- the general decoder's plain part (ber.varbinds_of) */

/* The arcs of an OID's content octets; NULL without an exception: not for us. */
static PyObject *oid_of(const uint8_t *content, size_t size)
{
    uint64_t arc = 0;
    Py_ssize_t count = 1;
    for (size_t i = 0; i < size; i++)
        count += !(content[i] & 0x80);
    if (!size || content[size - 1] & 0x80 || count > 128)
        return NULL;
    PyObject *oid = PyTuple_New(count);
    if (!oid)
        return NULL;
    Py_ssize_t place = 0;
    for (size_t i = 0; i < size; i++) {
        arc = arc << 7 | (content[i] & 0x7F);
        if (arc > 0xFFFFFFFFull + 80)
            goto bad;
        if (content[i] & 0x80)
            continue;
        if (!place) {
            uint64_t first = arc / 40 < 2 ? arc / 40 : 2;
            PyObject *number = PyLong_FromUnsignedLongLong(first);
            if (!number)
                goto bad;
            PyTuple_SET_ITEM(oid, place++, number);
            arc -= 40 * first;
        }
        PyObject *number = PyLong_FromUnsignedLongLong(arc);
        if (!number)
            goto bad;
        PyTuple_SET_ITEM(oid, place++, number);
        arc = 0;
    }
    return plain_tuple(oid);
bad:
    Py_DECREF(oid);
    return NULL;
}

/* varbinds(octets, at, end, most, oid_text) -> (oids, tags, values, spans) of a SEQUENCE OF VarBind, or None */
static PyObject *fast_varbinds(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyBytes_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "varbinds() takes octets, at, end, most, oid_text");
        return NULL;
    }
    const uint8_t *octets = (const uint8_t *)PyBytes_AS_STRING(args[0]);
    Py_ssize_t from = PyLong_AsSsize_t(args[1]), to = PyLong_AsSsize_t(args[2]), most = PyLong_AsSsize_t(args[3]);
    if (PyErr_Occurred())
        return NULL;
    size_t start, stop, at, name, name_end, value, value_end;
    if (from < 0 || to < 0 || to > PyBytes_GET_SIZE(args[0]) ||
        element(octets, (size_t)from, (size_t)to, &start, &stop) != 0x30 || stop != (size_t)to)
        Py_RETURN_NONE;
    size_t end = stop;
    Py_ssize_t count = 0;
    for (at = start; at < end; at = stop, count++)
        if (element(octets, at, end, &name, &stop) != 0x30 || count >= most)
            Py_RETURN_NONE;
    PyObject *oids = PyTuple_New(count), *tags = PyTuple_New(count), *values = PyTuple_New(count);
    PyObject *spans = PyList_New(count), *found = NULL;
    if (!oids || !tags || !values || !spans)
        goto out;
    at = start;
    for (Py_ssize_t i = 0; i < count; i++, at = stop) {
        element(octets, at, end, &start, &stop);
        if (element(octets, start, stop, &name, &name_end) != 0x06)
            goto out;
        int tag = element(octets, name_end, stop, &value, &value_end);
        if (tag < 0 || value_end != stop || !sound((uint8_t)tag, octets + value, value_end - value))
            goto out;
        PyObject *oid = oid_of(octets + name, name_end - name), *said;
        if (!oid)
            goto out;
        PyTuple_SET_ITEM(oids, i, oid);
        if (tag == 0x06) {
            const char *begin = (const char *)octets + value;
            PyObject *content = PyBytes_FromStringAndSize(begin, (Py_ssize_t)(value_end - value));
            said = content ? PyObject_CallOneArg(args[4], content) : NULL;
            Py_XDECREF(content);
        } else
            said = plain_value((uint8_t)tag, octets + value, value_end - value);
        if (!said)
            goto out;
        PyTuple_SET_ITEM(values, i, said);
        PyObject *number = PyLong_FromLong(tag);
        if (!number)
            goto out;
        PyTuple_SET_ITEM(tags, i, number);
        PyObject *span = PyTuple_New(2);
        if (!span)
            goto out;
        PyList_SET_ITEM(spans, i, span);
        for (int j = 0; j < 2; j++) {
            if (!(number = PyLong_FromSize_t(j ? value_end : value)))
                goto out;
            PyTuple_SET_ITEM(span, j, number);
        }
        plain_tuple(span);
    }
    plain_tuple(oids), plain_tuple(tags), plain_tuple(values);
    found = PyTuple_Pack(4, oids, tags, values, spans);
out:
    Py_XDECREF(oids), Py_XDECREF(tags), Py_XDECREF(values), Py_XDECREF(spans);
    if (!found && !PyErr_Occurred())
        Py_RETURN_NONE;
    return found;
}

static PyMethodDef functions[] = {
    {"varbinds", (PyCFunction)(void (*)(void))fast_varbinds, METH_FASTCALL,
     "varbinds(octets, at, end, most, oid_text): (oids, tags, values, spans) where all is plain, or None"},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", "The SNMP engine's hot path in C.", -1,
                                    functions, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fast(void)
{
    static const struct {
        PyObject **to;
        const char *text;
    } names[] = {{&s_memo, "memo"},       {&s_template, "template"}, {&s_question, "question"}, {&s_odd, "odd"},
                 {&s_unsent, "unsent"},   {&s_release, "release"},   {&s_send, "send"},         {&s_receive, "receive"},
                 {&s_chunks, "chunks"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!(*names[i].to = PyUnicode_InternFromString(names[i].text)))
            return NULL;
    for (int i = 0; i < SUMS; i++)
        if (!(s_sums[i] = PyUnicode_InternFromString(sum_names[i])))
            return NULL;
    PyObject *made = PyModule_Create(&module);
    PyObject *pilot = PyType_FromSpec(&pilot_spec);
    Question_Type = (PyTypeObject *)PyType_FromSpec(&question_spec);
    if (!made || !pilot || !Question_Type || PyModule_AddIntConstant(made, "VERSION", VERSION) ||
        PyModule_AddObjectRef(made, "Pilot", pilot) ||
        PyModule_AddObjectRef(made, "Question", (PyObject *)Question_Type))
        Py_CLEAR(made);
    Py_XDECREF(pilot);
    return made;
}

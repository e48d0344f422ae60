"""A disk that fails at its N-th operation, and forgets what was not synced when the power goes: an apsw VFS.

After a failed fsync Linux may call the pages clean that never reached the disk, so a later fsync says yes and they are
still not there. This disk behaves so: a failed sync throws the writes before it away for good, in the durable image,
while every reader still sees them. A power cut then leaves the durable image and nothing else.
"""

from __future__ import annotations

from pathlib import Path

import apsw

# operations that reach the disk; locks and shared memory do not
COUNTED = ("xWrite", "xSync", "xTruncate", "xOpen", "xDelete")


class Disk(apsw.VFS):
    """Fails operation number `fail_at` (from 1), and the `lasting - 1` after it; `fail_at=0` never fails."""

    def __init__(self, name, *, fail_at=0, lasting=1):
        self.name = name
        self.fail_at = fail_at
        self.lasting = lasting
        self.operations = 0
        self.failed = []
        self.durable = {}
        super().__init__(name, "")

    def count(self, operation, path):
        self.operations += 1
        if self.fail_at and self.fail_at <= self.operations < self.fail_at + self.lasting:
            self.failed.append((operation, Path(path).name))
            raise apsw.IOError(f"operation {self.operations}: {operation} failed")

    def xOpen(self, name, flags):  # noqa: N802  (SQLite's name)
        path = name.filename() if hasattr(name, "filename") else str(name)
        self.count("xOpen", path)
        return File(self, name, flags, path)

    def xDelete(self, filename, syncdir):  # noqa: N802
        self.count("xDelete", filename)
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)

    def cut_power(self, directory):
        """Leave on disk what was durable."""
        for path in list(Path(directory).iterdir()):
            if path.suffix != ".lock" and path.is_file():
                path.unlink()
        for filename, content in self.durable.items():
            Path(filename).write_bytes(content)


class File(apsw.VFSFile):
    def __init__(self, disk, name, flags, path):
        self._disk = disk
        self._path = path
        self._dirty = []
        super().__init__("", name, flags)

    def xWrite(self, data, offset):  # noqa: N802
        self._disk.count("xWrite", self._path)
        super().xWrite(data, offset)
        self._dirty.append((offset, bytes(data)))

    def xTruncate(self, size):  # noqa: N802
        self._disk.count("xTruncate", self._path)
        super().xTruncate(size)
        self._dirty.append((size, None))

    def xSync(self, flags):  # noqa: N802
        try:
            self._disk.count("xSync", self._path)
        except apsw.IOError:
            self._dirty.clear()  # the kernel calls these pages clean now, and they are nowhere
            raise
        super().xSync(flags)
        image = bytearray(self._disk.durable.get(self._path, b""))
        for offset, data in self._dirty:
            if data is None:
                del image[offset:]
            else:
                image.extend(bytes(max(0, offset + len(data) - len(image))))
                image[offset : offset + len(data)] = data
        self._disk.durable[self._path] = bytes(image)
        self._dirty.clear()

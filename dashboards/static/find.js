// Offers what a search finds while somebody types. Without it the form leads to a page with the same hits.
"use strict";
(() => {
  const form = document.querySelector("form.search[data-find]");
  if (!form) return;
  const input = form.querySelector("input[name=q]"), words = JSON.parse(form.dataset.words);
  const list = document.createElement("ul"), told = document.createElement("p");
  let hits = [], chosen = -1, timer = 0, asking = null;

  list.id = "hits";
  list.className = "hits";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.getAttribute("aria-label"));
  told.className = "unseen";
  told.setAttribute("role", "status");
  form.append(list, told);
  for (const [name, value] of Object.entries({ role: "combobox", autocomplete: "off", "aria-autocomplete": "list",
    "aria-haspopup": "listbox", "aria-controls": list.id, "aria-expanded": "false" })) input.setAttribute(name, value);

  const text = (tag, said, kind) => {
    const made = document.createElement(tag);
    made.textContent = said;
    if (kind) made.className = kind;
    return made;
  };
  const choose = (at) => {
    chosen = at;
    for (const [number, option] of [...list.children].entries()) {
      option.setAttribute("aria-selected", String(number === at));
      if (number === at) option.scrollIntoView({ block: "nearest" });
    }
    if (at < 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", list.children[at].id);
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  };
  const show = (found) => {
    hits = found.hits;
    list.replaceChildren(...hits.map((hit, number) => {
      const option = document.createElement("li");
      option.id = `hit-${number}`;
      option.setAttribute("role", "option");
      const state = hit.state ? text("span", words[hit.state], `state ${hit.state}`) : "";
      option.append(text("b", hit.name), " ", text("span", words[hit.kind], "soft"), " ", state,
        text("span", hit.detail === hit.name ? "" : hit.detail, "detail soft"));
      option.addEventListener("mousedown", (event) => { event.preventDefault(); location.assign(hit.path); });
      return option;
    }));
    list.hidden = !hits.length;
    input.setAttribute("aria-expanded", String(!list.hidden));
    choose(-1);
    told.textContent = words.found.replace("0", found.count);
  };
  const ask = async () => {
    asking?.abort();
    const query = input.value.trim();
    if (!query) return close();
    asking = new AbortController();
    try {
      const address = `${form.dataset.find}?limit=8&q=${encodeURIComponent(query)}`;
      const answer = await fetch(address, { credentials: "same-origin", signal: asking.signal });
      if (answer.ok) show(await answer.json());
      else close();
    } catch { /* a later question, or the network is away: the form itself still asks */ }
  };

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing) return; // the keys are an input method's: it chooses among characters
    if (event.key === "Escape" && !list.hidden) close();
    else if (event.key === "Enter" && chosen >= 0) location.assign(hits[chosen].path);
    else if (step && !list.hidden) choose((chosen + step + hits.length + (chosen < 0 && step < 0 ? 1 : 0)) % hits.length);
    else if (step && hits.length) list.hidden = !input.value.trim(), input.setAttribute("aria-expanded", String(!list.hidden));
    else return;
    event.preventDefault();
  });
})();

// Draws a metric as a line that goes on, beside its table. Without it the table and its small pictures say the same.
"use strict";
(() => {
  const shown = document.getElementById("live"), places = document.querySelectorAll("td[data-live]");
  if (!shown || !places.length || typeof uPlot !== "function") return;
  const words = JSON.parse(shown.dataset.words), HOURS = 3, EVERY_MS = 30000, MOST = 1000;
  const ahead_ms = Number(shown.dataset.now) - Date.now(); // of the server's clock before ours
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clock = (at_ms) => new Date(at_ms).toLocaleTimeString("en-GB", { timeZone: words.zone, hour: "2-digit", minute: "2-digit" });
  let plot = null, timer = 0, now = null;

  const note = document.createElement("p"), frame = document.createElement("div"), head = document.createElement("h2");
  const close = document.createElement("button");
  note.setAttribute("role", "status");
  frame.setAttribute("role", "img");
  head.id = "live-title";
  shown.setAttribute("aria-labelledby", head.id);
  close.type = "button";
  close.textContent = words.close;
  shown.append(head, frame, note, close);

  // A slot that brought no value, and one that is not there, is a gap of the line: nothing is drawn across it.
  const lined = (rows) => {
    const at = [], value = [], steps = rows.slice(1).map((each, n) => each.slot_ms - rows[n].slot_ms).sort((a, b) => a - b);
    const step = steps[steps.length >> 1] || 60000;
    rows.forEach((each, n) => {
      if (n && each.slot_ms - rows[n - 1].slot_ms > 2.5 * step) {
        at.push((rows[n - 1].slot_ms + step) / 1000);
        value.push(null);
      }
      at.push(each.slot_ms / 1000);
      value.push(each.value);
    });
    return [at, value];
  };
  const wide = () => Math.max(240, shown.clientWidth - 32);
  const draw = (rows) => {
    const data = lined(rows), ink = colour("--ink"), line = colour("--line");
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    const hours = { ...axis, values: (_, at) => at.map((each) => clock(each * 1000)) };
    plot?.destroy();
    frame.replaceChildren();
    if (rows.length) plot = new uPlot({ width: wide(), height: 220, legend: { show: false }, cursor: { drag: { x: false } },
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), words.zone), axes: [hours, { ...axis, size: 84 }],
      series: [{}, { label: now.label, stroke: colour("--link"), width: 2, spanGaps: false }] }, data, frame);
    const good = rows.filter((each) => each.value !== null), last = good[good.length - 1];
    const said = last ? `${last.value} ${now.unit}`.trim() : words.none;
    note.textContent = `${words.latest} ${said}` + (last ? ` · ${clock(last.slot_ms)}` : "");
    frame.setAttribute("aria-label", `${now.label}: ${note.textContent}`);
  };
  const ask = async () => {
    if (!now || document.hidden) return;
    const asked = now, from = new Date(Date.now() + ahead_ms - HOURS * 3600000).toISOString();
    const query = new URLSearchParams({ subject: asked.subject, metric: asked.metric, from, limit: MOST });
    try {
      const answer = await fetch(`${shown.dataset.from}?${query}`, { headers: { "X-Poll": "1" }, credentials: "same-origin" });
      if (answer.ok && asked === now) draw((await answer.json()).items);
      else if (!answer.ok) note.textContent = words.failed;
    } catch { note.textContent = words.failed; }
  };
  const open = (place) => {
    now = { ...place.dataset };
    head.textContent = now.label;
    shown.hidden = false;
    clearInterval(timer);
    timer = setInterval(ask, EVERY_MS);
    close.focus();
    shown.scrollIntoView({ block: "nearest" });
    ask();
  };
  close.addEventListener("click", () => {
    clearInterval(timer);
    shown.hidden = true;
    now?.button?.focus();
    now = null;
  });
  addEventListener("resize", () => plot?.setSize({ width: wide(), height: 220 }));
  for (const place of places) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = words.live;
    button.setAttribute("aria-label", `${words.live}: ${place.dataset.label}`);
    button.addEventListener("click", () => { open(place); now.button = button; });
    place.append(button);
  }
})();

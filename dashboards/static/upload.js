// Sends the chosen files in parts, each small enough for the form's bound. What was sent stays when the line breaks: the
// next attempt goes on there. Without this script, or without TLS off loopback, the form goes as it is.
"use strict";
(() => {
  const TRIES = 6;
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const hashed = async (data) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))].map((each) => each.toString(16).padStart(2, "0")).join("");
  const asked = async (address, given) => {
    for (let left = TRIES; ; left -= 1) {
      try {
        const answer = await fetch(address, { credentials: "same-origin", ...given });
        if (answer.status < 500 || left <= 1) return answer;
      } catch (error) { if (left <= 1) throw error; } // the line broke: the part is asked for again
      await pause(500 * 2 ** (TRIES - left));
    }
  };
  const send = async (form, file, tell) => {
    const data = await file.arrayBuffer(), name = await hashed(data), words = form.dataset, address = words.parts;
    const known = await asked(`${address}?file=${name}`);
    if (!known.ok) throw new Error(words.refused.replace("{code}", known.status));
    let { named, have } = await known.json();
    if (!named) throw new Error(words.unnamed);
    while (have >= 0 && have < data.byteLength) {
      tell(have / data.byteLength);
      const bytes = data.slice(have, have + Number(words.part)), body = new FormData();
      const fields = { csrf: form.elements.csrf.value, file: name, name: file.name, size: data.byteLength, at: have, digest: await hashed(bytes) };
      for (const [field, value] of Object.entries(fields)) body.append(field, value);
      body.append("part", new Blob([bytes]), "part");
      const answer = await asked(address, { method: "POST", body });
      const told = await answer.json().catch(() => ({ error: words.refused.replace("{code}", answer.status) }));
      if (!answer.ok && answer.status !== 409) throw new Error(told.error);
      have = told.have;
    }
    tell(1);
    return name;
  };
  if (!window.crypto || !crypto.subtle) return;
  for (const form of document.querySelectorAll("form[data-parts]")) {
    const said = form.querySelector("[role=status]"), bar = form.querySelector("progress");
    form.addEventListener("submit", async (event) => {
      const input = form.querySelector("input[type=file]"), files = [...input.files].sort((one, other) => one.size - other.size); // a list names the others
      if (!files.length) return;
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      said.hidden = bar.hidden = false;
      const wrong = [];
      let kept = "";
      for (const file of files) {
        try {
          kept = await send(form, file, (share) => { bar.value = share; said.textContent = `${file.name} · ${Math.floor(share * 100)} %`; });
        } catch (error) { wrong.push(`${file.name}: ${error instanceof TypeError ? form.dataset.broken : error.message}`); }
      }
      if (!wrong.length && form.dataset.kept) { // the form names the file that is here now, and goes without it
        form.elements[form.dataset.kept].value = kept;
        input.value = "";
        form.submit();
        return;
      }
      if (!wrong.length) { location.reload(); return; }
      said.textContent = wrong.join(" · ");
      said.className = "notice error";
      button.disabled = bar.hidden = false;
      bar.hidden = true;
    });
  }
})();

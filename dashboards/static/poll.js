// Renews the page's content when it has changed: every 15 s, only while it is seen and nobody works in it.
// Without it the page works the same, and is renewed once a minute by the browser itself.
"use strict";
(() => {
  const main = document.querySelector("main[data-poll]");
  if (!main) return;
  let tag = "";
  const renew = async () => {
    const busy = main.contains(document.activeElement); // a keyboard's place on the page is not taken away
    if (document.hidden || busy || main.querySelector("details[open]")) return;
    try {
      const answer = await fetch(location.href, { headers: { "X-Poll": "1" }, credentials: "same-origin", redirect: "manual" });
      if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
      if (!answer.ok || answer.headers.get("ETag") === tag) return;
      tag = answer.headers.get("ETag");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main[data-poll]");
      if (fresh) main.replaceChildren(...fresh.childNodes);
    } catch { /* the network is away: the age of the data stands on the page */ }
  };
  setInterval(renew, Number(main.dataset.poll) * 1000);
})();

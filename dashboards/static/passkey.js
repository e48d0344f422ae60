// Asks the browser for a passkey, and sends its answer with the form that asked. Without it such a form is not shown.
"use strict";
(() => {
  if (!window.PublicKeyCredential) return;
  const octets = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
  const written = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list ?? []).map((each) => ({ ...each, id: octets(each.id) }));
  const create = async (asked) => {
    const publicKey = { ...asked, challenge: octets(asked.challenge), user: { ...asked.user, id: octets(asked.user.id) }, excludeCredentials: known(asked.excludeCredentials) };
    const made = await navigator.credentials.create({ publicKey });
    return [made, { attestationObject: written(made.response.attestationObject) }];
  };
  const get = async (asked) => {
    const publicKey = { ...asked, challenge: octets(asked.challenge), allowCredentials: known(asked.allowCredentials) };
    const made = await navigator.credentials.get({ publicKey });
    const { authenticatorData, signature, userHandle } = made.response;
    return [made, { authenticatorData: written(authenticatorData), signature: written(signature), ...(userHandle ? { userHandle: written(userHandle) } : {}) }];
  };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const failed = form.querySelector("[role=alert]");
      try {
        const [made, more] = await (form.dataset.passkey === "create" ? create : get)(JSON.parse(form.dataset.options));
        const response = { clientDataJSON: written(made.response.clientDataJSON), ...more };
        form.elements.credential.value = JSON.stringify({ id: made.id, rawId: written(made.rawId), type: made.type, response });
        form.submit();
      } catch { failed.hidden = false; } // nobody touched it, it is not this one's, or the person said no
    });
  }
})();

"use strict";
// The passkey gesture, which browsers give to scripts alone. Everything else of these pages works without it.
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // What the server sends has bytes as base64url (Web Authentication level 3, sections 5.1.8 and 5.1.9).
  const creation = (key) => ({
    ...key,
    challenge: bytes(key.challenge),
    user: { ...key.user, id: bytes(key.user.id) },
    excludeCredentials: listed(key.excludeCredentials),
  });
  const request = (key) => ({ ...key, challenge: bytes(key.challenge), allowCredentials: listed(key.allowCredentials) });

  const answerOf = (credential) => {
    const { response } = credential;
    const answer = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      answer.attestationObject = text(response.attestationObject);
      answer.transports = response.getTransports ? response.getTransports() : [];
    } else {
      answer.authenticatorData = text(response.authenticatorData);
      answer.signature = text(response.signature);
      answer.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: answer,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  for (const form of document.querySelectorAll("form[data-gesture]")) {
    const data = form.dataset;
    const live = form.querySelector(".live");
    const button = form.querySelector("button");
    const value = (name) => (form.elements[name] ? form.elements[name].value : "");
    let waiting = null;

    const tell = (message) => {
      live.textContent = message;
      live.hidden = !message;
    };
    const post = async (url, body) => {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", "x-holdfast-token": data.token },
        body: JSON.stringify(body),
      });
      const answer = await response.json();
      if (response.ok) return answer;
      if (answer.type === "urn:holdfast:not-fresh" && data.fresh) {
        location.assign(data.fresh + "?next=" + encodeURIComponent(location.pathname));
      }
      throw new Error(answer.detail);
    };
    const finish = async (begun, credential) => {
      const body = { id: begun.id, answer: answerOf(credential), name: value("name"), label: value("label"), next: data.next };
      location.assign((await post(data.finish, body)).next);
    };
    const why = (error) => {
      if (error.name === "NotAllowedError") return "Nothing was shown, or it was broken off. Try again.";
      if (error.name === "InvalidStateError") return "This device has a passkey for you already.";
      if (error.name === "TypeError") return "The server was not reached. Try again.";
      return error.message;
    };

    const join = async () => {
      const begun = await post(data.begin, { code: value("code"), name: value("name") });
      const publicKey = creation(begun.options.publicKey);
      await finish(begun, await navigator.credentials.create({ publicKey }));
    };
    const prove = async (body) => {
      const begun = await post(data.begin, body);
      const publicKey = request(begun.options.publicKey);
      waiting = new AbortController();
      const { signal } = waiting;
      await finish(begun, await navigator.credentials.get({ publicKey, signal, mediation: begun.options.mediation }));
    };
    const gestures = {
      join,
      add: async () => {
        const begun = await post(data.begin, {});
        await finish(begun, await navigator.credentials.create({ publicKey: creation(begun.options.publicKey) }));
      },
      "step-up": () => prove({ how: "step-up" }),
      "sign-in": () => prove(value("name").trim() ? { how: "name", name: value("name") } : { how: "button" }),
    };

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!window.PublicKeyCredential) return tell("This browser knows no passkeys. Use another one, or a recovery code.");
      if (waiting) waiting.abort();
      button.disabled = true;
      tell("");
      try {
        await gestures[data.gesture]();
      } catch (error) {
        tell(why(error));
        button.disabled = false;
      }
    });

    if (data.gesture === "sign-in" && window.PublicKeyCredential && PublicKeyCredential.isConditionalMediationAvailable) {
      PublicKeyCredential.isConditionalMediationAvailable().then(async (there) => {
        if (!there) return;
        try {
          await prove({ how: "autofill" });
        } catch (error) {
          // The button took over, or the five minutes are past: it stays as it is.
          if (error.name !== "AbortError" && error.name !== "NotAllowedError") tell(why(error));
        }
      });
    }
    // An invite's code comes in the fragment, which no server sees, and does not stay in the history.
    if (data.gesture === "join" && location.hash.length > 1) {
      form.elements.code.value = decodeURIComponent(location.hash.slice(1));
      history.replaceState(null, "", location.pathname);
      form.elements.name.focus();
    }
  }
})();

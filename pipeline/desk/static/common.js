// What every page shares: the session's secret on each request that changes something, and leaving.
"use strict";

const darkcall = {
  csrf: document.body.dataset.csrf,
  who: document.body.dataset.who,
  role: document.body.dataset.role,
  shown: [], // how long each case took to appear, in ms

  // 128 random bits; an entry sent twice under one id is written once.
  entryId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  },

  // A request that changes something. A lost connection is tried again: the same id writes once.
  async send(path, body, type = "application/json", tries = 3) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await fetch(path, {
          method: "POST", body,
          headers: { "content-type": type, "x-csrf-token": darkcall.csrf },
        });
        const said = answer.status === 204 ? {} : await answer.json();
        if (answer.status === 401) location.assign("/login?to=" + encodeURIComponent(location.pathname + location.search));
        if (!answer.ok) throw Object.assign(new Error(said.error), { refused: true });
        return said;
      } catch (error) {
        if (error.refused || attempt >= tries) throw error;
        await new Promise((done) => setTimeout(done, 300 * attempt));
      }
    }
  },
};

document.getElementById("log-out").addEventListener("click", async () => {
  await darkcall.send("/logout", "");
  location.assign("/login");
});

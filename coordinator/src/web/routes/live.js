// What a page does while it is open: it shows times in the reader's zone, and takes over what the server says has become another.
// Without this file each page is as it was when it was asked for. No other file has scripts, and this one fetches from nowhere else.
"use strict";
(() => {
  const FIRST_WAIT = 1000, LONGEST_WAIT = 60000, LOG_LINES = 5000;
  const body = document.body;
  const byId = (id) => document.getElementById(id);

  // Times: "29 Nov 2026, 19:05 UTC" as this reader's clock has it. The server's words stay as a title.
  const form = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const local = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (time.title || isNaN(at)) continue;
      time.title = time.textContent;
      time.textContent = form.format(at);
    }
  };
  local(document);

  const spoken = byId("spoken"), state = byId("live-state");
  const say = (text) => { if (spoken) spoken.textContent = text; };
  const show = (text, kind) => {
    if (!state) return;
    state.hidden = false;
    state.textContent = text;
    state.className = "live-state " + kind;
  };

  // Makes `was` what `is` says, and touches nothing that is the same: focus, selection, scrolling, and what is typed or opened stay.
  const kept = (element, name) =>
    (name === "open" && element.nodeName === "DETAILS") ||
    (name === "title" && element.nodeName === "TIME") ||
    ((name === "value" || name === "checked") && element === document.activeElement);
  const attributes = (was, is) => {
    for (const { name } of [...was.attributes]) if (!is.hasAttribute(name) && !kept(was, name)) was.removeAttribute(name);
    for (const { name, value } of is.attributes) if (was.getAttribute(name) !== value && !kept(was, name)) was.setAttribute(name, value);
  };
  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
  const morph = (was, is) => {
    if (was.nodeType !== Node.ELEMENT_NODE) {
      if (was.nodeValue !== is.nodeValue) was.nodeValue = is.nodeValue;
      return;
    }
    if (was.hasAttribute("data-log") || was.isEqualNode(is)) return;
    attributes(was, is);
    const named = new Map();
    for (const child of was.children) if (child.id) named.set(child.id, child);
    let at = was.firstChild;
    for (const next of [...is.childNodes]) {
      const same = next.id ? named.get(next.id) : at && !at.id && alike(at, next) ? at : null;
      if (same && alike(same, next)) {
        if (same === at) at = at.nextSibling;
        else was.insertBefore(same, at);
        morph(same, next);
      } else {
        was.insertBefore(next, at);
      }
    }
    while (at) {
      const after = at.nextSibling;
      at.remove();
      at = after;
    }
  };

  // What is to be spoken when it comes up: `data-say`.
  const sayings = (root) => new Set([...root.querySelectorAll("[data-say]")].map((element) => element.dataset.say));
  const takeOver = (parts) => {
    for (const [id, html] of Object.entries(parts)) {
      const was = byId(id);
      if (!was) continue;
      const template = document.createElement("template");
      template.innerHTML = html;
      const is = template.content.firstElementChild;
      if (!is) continue;
      local(is);
      const before = sayings(was);
      morph(was, is);
      const news = [...sayings(was)].filter((saying) => !before.has(saying));
      if (news.length) say(news.join(". "));
    }
  };

  const log = ({ anew, text }) => {
    const shown = document.querySelector("[data-log]");
    if (!shown) return;
    const atEnd = shown.scrollTop + shown.clientHeight >= shown.scrollHeight - 8;
    let all = (anew ? "" : shown.textContent) + text;
    const lines = all.split("\n");
    if (lines.length > LOG_LINES) all = lines.slice(-LOG_LINES).join("\n");
    shown.textContent = all;
    if (atEnd) shown.scrollTop = shown.scrollHeight;
  };
  const tail = document.querySelector("[data-log]");
  if (tail) tail.scrollTop = tail.scrollHeight;

  if (!body.dataset.live) return;
  let have = body.dataset.have, source = null, wait = FIRST_WAIT, timer = 0, over = false;

  const end = (text) => {
    over = true;
    close();
    show(text, "ended");
    say(text);
  };
  const close = () => {
    clearTimeout(timer);
    if (source) source.close();
    source = null;
  };
  const open = () => {
    close();
    source = new EventSource("/live?of=" + encodeURIComponent(body.dataset.live) + "&have=" + encodeURIComponent(have));
    const on = (name, act) => source.addEventListener(name, (event) => {
      if (event.lastEventId) have = event.lastEventId;
      act(event.data);
    });
    source.onopen = () => { wait = FIRST_WAIT; show("Live", "well"); };
    source.onerror = retry;
    on("parts", (data) => takeOver(JSON.parse(data)));
    on("log", (data) => log(JSON.parse(data)));
    on("end", (why) => {
      if (why === "signed-out") end("Signed out. Reload the page to sign in again.");
      else if (why === "gone") end("This is not there any more.");
      else retry();
    });
  };
  const retry = () => {
    close();
    if (over || document.hidden) return;
    show("Reconnecting", "away");
    timer = setTimeout(again, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
  // A stream that was refused does not say why: who is signed out is led to the sign-in, by every page.
  const again = async () => {
    try {
      const answer = await fetch(body.dataset.live, { method: "HEAD", redirect: "manual" });
      if (answer.type === "opaqueredirect") return end("Signed out. Reload the page to sign in again.");
    } catch {
      return retry();
    }
    open();
  };
  // Browsers grant a host few connections: pages that nobody sees give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (over) return;
    if (document.hidden) close();
    else { wait = FIRST_WAIT; open(); }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => { if (event.persisted && !over) open(); });
  if (!document.hidden) open();
})();

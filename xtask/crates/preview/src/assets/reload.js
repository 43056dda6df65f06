// Shows a change of the site in an open page. The page knows its version of the site. It exchanges style sheets if only
// those changed since that version, and is loaded again otherwise.
(() => {
  "use strict";
  const script = document.currentScript;
  const page = /** @type {any} */ (window);
  if (page.xtaskPreview || !script) return;
  page.xtaskPreview = true;
  let version = Number(script.dataset.version);
  const FIRST_WAIT_MS = 500;
  const LONGEST_WAIT_MS = 5000;
  const TRIED = "xtask-preview-tried";

  // Service workers cannot intercept a WebSocket, and it does not count among the six connections per host.
  function follow(wait) {
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/_preview/events`);
    let next = Math.min(wait * 2, LONGEST_WAIT_MS);
    socket.onmessage = ({ data }) => {
      next = FIRST_WAIT_MS;
      hear(JSON.parse(data));
    };
    socket.onclose = () => setTimeout(follow, wait, next);
  }

  function hear(news) {
    showFailure(news.failed);
    if (news.version === version) return forget();
    const follows = news.from === version && news.styles.length > 0;
    if (follows && swapStyles(news.styles, news.version)) {
      version = news.version;
    } else {
      renew(news.version);
    }
  }

  // Loads the page again. A service worker could answer with an old page from its cache, so workers and caches are
  // removed first. The new page registers the site's own worker again.
  async function renew(wanted) {
    const workers = navigator.serviceWorker;
    if (workers?.controller) {
      // If loading did not help, loading again would not help either.
      if (sessionStorage.getItem(TRIED) === String(wanted)) return showStuck();
      sessionStorage.setItem(TRIED, wanted);
      const found = await workers.getRegistrations();
      await Promise.all(found.map((worker) => worker.unregister()));
      const names = await caches.keys();
      await Promise.all(names.map((name) => caches.delete(name)));
    }
    location.reload();
  }

  function forget() {
    if (navigator.serviceWorker) sessionStorage.removeItem(TRIED);
  }

  // Loads style sheets again. Returns false if one of them is used in a way that does not allow an exchange.
  function swapStyles(paths, version) {
    const changed = new Set(paths.map(decode));
    const owners = new Set();
    for (const sheet of document.styleSheets) {
      if (sheet.ownerNode && uses(sheet, changed)) owners.add(sheet.ownerNode);
    }
    const loaded = performance.getEntriesByType("resource").map((entry) => pathOf(entry.name));
    if (owners.size === 0) return !loaded.some((path) => changed.has(path));
    for (const owner of owners) swap(owner, version);
    return true;
  }

  function swap(owner, version) {
    const next = owner.cloneNode(true);
    if (owner.href) {
      const address = new URL(owner.href);
      address.searchParams.set("_preview", version);
      next.href = address.href;
    }
    // The old sheet stays until the new one is loaded, so that the page is never without style.
    next.addEventListener("load", () => owner.remove());
    next.addEventListener("error", () => owner.remove());
    owner.after(next);
  }

  function uses(sheet, changed) {
    if (sheet.href && changed.has(pathOf(sheet.href))) return true;
    try {
      return [...sheet.cssRules].some((rule) => rule.styleSheet && uses(rule.styleSheet, changed));
    } catch {
      return false; // The rules of another site's sheet cannot be read.
    }
  }

  function pathOf(address) {
    const { origin, pathname } = new URL(address, location.href);
    return origin === location.origin ? decode(pathname) : "";
  }

  function decode(path) {
    try {
      return decodeURIComponent(path);
    } catch {
      return path;
    }
  }

  let overlay = null;

  function showFailure(text) {
    const below = "below is the last good version; this message disappears when the build succeeds";
    show(text && { title: "the build failed", below, text });
  }

  function showStuck() {
    const text = "In the developer tools of the browser: Application, Service workers, Unregister. Then load the page again.";
    const below = "a service worker answers for this address from its cache, and could not be removed";
    show({ title: "this is not the newest version of the page", below, text });
  }

  function show(words) {
    overlay?.remove();
    overlay = null;
    if (!words) return;
    overlay = document.createElement("xtask-preview");
    const root = overlay.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = `
      :host { all: initial; }
      section { position: fixed; inset: 0; z-index: 2147483647; overflow: auto; padding: 2rem clamp(1rem, 5vw, 4rem);
        background: rgb(20 20 24 / 0.94); color: #f4f4f5; font: 1rem/1.5 system-ui, sans-serif; }
      h1 { font-size: 1.25rem; margin: 0 0 0.25rem; color: #ff9d8f; }
      p { margin: 0 0 1.25rem; color: #b9b9c0; }
      pre { font: 0.875rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
      button { position: absolute; top: 1.5rem; right: 1.5rem; font: inherit; color: inherit; background: none;
        border: 1px solid #77777f; border-radius: 0.3rem; padding: 0.2rem 0.7rem; cursor: pointer; }`;
    const section = element("section", "");
    section.setAttribute("role", "alertdialog");
    section.setAttribute("aria-label", words.title);
    const hide = element("button", "hide");
    hide.addEventListener("click", () => overlay?.remove());
    section.append(
      element("h1", words.title),
      element("p", words.below),
      element("pre", words.text),
      hide,
    );
    root.append(style, section);
    document.documentElement.append(overlay);
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  follow(FIRST_WAIT_MS);
})();

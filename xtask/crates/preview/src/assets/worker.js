// Takes the place of a service worker that an earlier site left in this browser, and shows a page that explains the
// problem. That page also removes this worker.
"use strict";

/** @type {ServiceWorkerGlobalScope} */
const worker = /** @type {any} */ (self);

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));

worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function takeOver() {
  await worker.clients.claim();
  const pages = await worker.clients.matchAll({ type: "window" });
  // Not waited for: a page is loaded only once this worker is active, and it is not before this has ended.
  for (const page of pages) page.navigate(page.url).catch(() => null);
}

worker.addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate") event.respondWith(fetch("/_preview/worker"));
});

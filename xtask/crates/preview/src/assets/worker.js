// Takes the place of a service worker that an earlier site left in this browser, so that the page which explains
// it can be shown. The page removes this worker too.
"use strict";

addEventListener("install", (event) => event.waitUntil(skipWaiting()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

async function takeOver() {
  await clients.claim();
  const pages = await clients.matchAll({ type: "window" });
  // Not waited for: a page is loaded only once this worker is active, and it is not before this has ended.
  for (const page of pages) page.navigate(page.url).catch(() => null);
}

addEventListener("fetch", (event) => {
  if (event.request.mode === "navigate") event.respondWith(fetch("/_preview/worker"));
});

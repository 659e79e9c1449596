/**
 * Opens the client without network: a service worker, which keeps one release of the client, all of it or nothing, and
 * answers with it. Everything else passes it by: the API, sockets, streams, the documentation. It holds nothing of
 * anybody.
 *
 * The files of a release have an address of their own, `static/<version>/`, and never change. So a release answers as
 * soon as it is complete: pages of an earlier one are given their own files, until `io/release.js` drops them.
 *
 * The server writes before this what the release consists of: each address, and what its content must be.
 *
 * @typedef {{name: string, files: string, integrity: Record<string, string>}} Release
 */

const worker = /** @type {ServiceWorkerGlobalScope & {RELEASE: Release}} */ (/** @type {unknown} */ (self));

const ROOT = worker.registration.scope; // a server may be under a prefix
const CACHE = `${ROOT}${worker.RELEASE.files} ${worker.RELEASE.name}`;
const ROOM = /^rooms\/\d{1,16}$/;
const ANY_ROOM = "rooms/1"; // the page is the same for all of them

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(ROOT)) return;
  const path = new URL(request.url).pathname.slice(new URL(ROOT).pathname.length);
  if (request.mode === "navigate") {
    const page = ROOM.test(path) ? ANY_ROOM : path;
    if (Object.hasOwn(worker.RELEASE.integrity, page)) event.respondWith(answer(request, ROOT + page, CACHE));
  } else if (path.startsWith("static/")) event.respondWith(answer(request, request.url));
});

/** Fetch the release, one file after the other, so that what people do meanwhile goes first. */
async function install() {
  await caches.delete(CACHE); // of an attempt that was broken off; and the newest cache is to be the last
  const cache = await caches.open(CACHE);
  try {
    for (const [path, integrity] of Object.entries(worker.RELEASE.integrity)) {
      const headers = { Accept: "text/html, */*" }; // a room is a page for browsers alone
      // Whatever else may answer here, another release or a login page in between, is refused by its content.
      await cache.put(ROOT + path, await fetch(ROOT + path, { headers, integrity, redirect: "error" }));
    }
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
  await worker.skipWaiting();
}

/**
 * @param {Request} request
 * @param {string} address under which it is kept
 * @param {string} [cacheName] only there
 */
async function answer(request, address, cacheName) {
  const kept = await caches.match(address, { cacheName, ignoreVary: true });
  return kept ?? fetch(request);
}

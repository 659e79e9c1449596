/**
 * The release of the client that this page belongs to, which a service worker (`worker.js`) keeps on this device. Where
 * there is none (no HTTPS, a private window, an old browser) nothing is kept, and the page works all the same.
 */

const ROOT = new URL("../../../", import.meta.url).href; // above static/<version>/io/
const FILES = new URL("../", import.meta.url).href;
const WORKER = trusted(`${ROOT}worker.js`);

/**
 * The page's policy allows this one Trusted Types policy, whose name is taken from here on.
 *
 * @param {string} address
 * @returns {string | null} null: the browser, or a policy from elsewhere, forbids it
 */
function trusted(address) {
  const { trustedTypes } = /** @type {any} */ (globalThis);
  try {
    return trustedTypes?.createPolicy("hubbub-worker", { createScriptURL: () => address }).createScriptURL("") ?? address;
  } catch {
    return null;
  }
}

/** @returns {ServiceWorkerContainer | null} null: this browser has none for this page */
function container() {
  return WORKER !== null && navigator.locks ? (navigator.serviceWorker ?? null) : null;
}

/**
 * Keep the files of this page on the device as long as it is open, and tell when another release has taken over.
 *
 * @param {() => void} onNewer
 */
export function holdRelease(onNewer) {
  const workers = container();
  if (workers === null) return;
  navigator.locks.request(FILES, { mode: "shared" }, () => new Promise(() => undefined)).catch(() => undefined);
  let controlled = workers.controller !== null; // or else the first to come is of this release
  workers.addEventListener("controllerchange", () => {
    if (controlled) onNewer();
    controlled = true;
  });
}

/** Have the release kept, and earlier ones dropped. Called when the page is idle. */
export async function keepRelease() {
  try {
    const workers = container();
    await workers?.register(WORKER ?? "", { updateViaCache: "none" });
    if (workers?.controller) await dropEarlier();
  } catch {
    // Refused by the browser, or broken off: the next visit tries again.
  }
}

/**
 * Drop the releases before this one of which no page is open. By the time that a page of this one is idle, those that
 * began before hold their lock.
 */
async function dropEarlier() {
  const names = (await caches.keys()).filter((name) => name.startsWith(`${ROOT}static/`)); // the oldest first
  const earlier = names.slice(0, Math.max(0, names.findIndex((name) => name.startsWith(FILES))));
  const { held = [] } = await navigator.locks.query();
  const unused = earlier.filter((name) => !held.some((lock) => lock.name && name.startsWith(lock.name)));
  await Promise.all(unused.map((name) => caches.delete(name)));
}

/** Ask the server for a newer release. It takes over when all of it is there. */
export async function findRelease() {
  try {
    await (await container()?.getRegistration(ROOT))?.update();
  } catch {
    // No network: the next visit asks as well.
  }
}

/** Have the next page come from the server. */
export async function dropRelease() {
  try {
    await (await container()?.getRegistration(ROOT))?.unregister();
  } catch {
    // There is none to drop.
  }
}

/**
 * One at a time over all tabs of this browser. Web Locks where there are any; a page that does not come over HTTPS has
 * none, and gets leases in the database instead: good enough to keep two tabs from refreshing at once.
 *
 * @import {Db} from "./db.js"
 */

import { newId } from "./ids.js";

const PREFIX = "hubbub-";
const LEASE = 30_000; // milliseconds after which the holder must be gone
const PAUSE = 100; // milliseconds between two looks at a lease

/** @type {Promise<boolean> | null} */
let asked = null;

/** Are there locks that last as long as a tab? Where cookies are blocked there are some that nobody gets. */
export function haveLocks() {
  asked ??= Promise.resolve(navigator.locks?.request(`${PREFIX}any`, { ifAvailable: true }, () => true) ?? false).catch(
    () => false,
  );
  return asked;
}

/**
 * Do something while nobody else does anything under this name.
 *
 * @template T
 * @param {Db} db
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function exclusively(db, name, work) {
  if (await haveLocks()) return navigator.locks.request(PREFIX + name, work);
  const holder = newId();
  while (!(await lease(db, name, holder))) await new Promise((resolve) => setTimeout(resolve, PAUSE));
  try {
    return await work();
  } finally {
    await db.update("kv", `lease-${name}`, (held) => (held?.holder === holder ? { holder: "", until: 0 } : undefined));
  }
}

/**
 * Take a lock and keep it until the page is gone. Resolves when it is taken.
 *
 * @param {string} name
 * @returns {Promise<void>}
 */
export async function hold(name) {
  if (!(await haveLocks())) return;
  await new Promise((/** @type {(taken?: undefined) => void} */ resolve) => {
    void navigator.locks.request(PREFIX + name, () => {
      resolve();
      return new Promise(() => undefined);
    });
  });
}

/**
 * Do something as soon as the holder of a lock is gone, before anybody else can take it.
 *
 * @param {string} name
 * @param {() => Promise<void>} work
 */
export async function whenFree(name, work) {
  if (await haveLocks()) await navigator.locks.request(PREFIX + name, work);
}

/**
 * @param {Db} db
 * @param {string} name
 * @param {string} holder
 */
async function lease(db, name, holder) {
  let got = false;
  await db.update("kv", `lease-${name}`, (held) => {
    got = held === undefined || held.until < Date.now() || held.until > Date.now() + LEASE; // or the clock was set back
    return got ? { holder, until: Date.now() + LEASE } : undefined;
  });
  return got;
}

/**
 * Names, and whose account is disabled. Whoever is met anywhere (in a list, as an author) is remembered, also on this
 * device; who is not known is asked for, all that are missing at once.
 *
 * @import {ReadonlySignal, Signal} from "@preact/signals-core"
 * @import {User, UserId} from "../core/types.d.ts"
 */

import { batch, signal } from "@preact/signals-core";

import { displayName } from "../core/format.js";
import { api, db, emptied, line, welcomed } from "./live.js";

const AT_ONCE = 100; // ids in one request
const FRESH = 10 * 60_000; // milliseconds for which a name is not asked for again
const RETRY = 5000; // milliseconds

/** @type {Map<UserId, Signal<User | undefined>>} */
const known = new Map();
/** @type {Map<UserId, number>} when the server last told of them */
const toldAt = new Map();
/** @type {Set<UserId>} */
const missing = new Set();
let asking = false;

/**
 * A person; undefined while nothing is known of them.
 *
 * @param {UserId} id
 * @returns {ReadonlySignal<User | undefined>}
 */
export function person(id) {
  need(id);
  return cell(id);
}

/** @param {UserId} id what to call them; '' while that is not known */
export const nameOf = (id) => displayName(person(id).value);

/**
 * The server told of these people. Who came without a display name is still to be asked for, and keeps the one that is
 * known.
 *
 * @param {Iterable<User | undefined>} users
 */
export function learn(users) {
  const now = performance.now();
  /** @type {User[]} */
  const changed = [];
  batch(() => {
    for (const user of users) {
      if (user === undefined) continue;
      const { id, username, disabled = false } = user;
      const { value } = cell(id);
      const { display_name = value?.display_name } = user;
      if (user.display_name !== undefined) toldAt.set(id, now);
      const same = value?.display_name === display_name && value?.username === username;
      if (same && (value?.disabled ?? false) === disabled) continue;
      const person = { id, username, display_name, ...(disabled && { disabled }) };
      cell(id).value = person;
      changed.push(person);
    }
  });
  if (changed.length > 0) void db.write(changed.map((put) => ({ store: "people", put }))).catch(() => undefined);
}

/** What this device remembers. */
export async function recall() {
  const remembered = /** @type {User[]} */ (await db.all("people"));
  batch(() => {
    for (const user of remembered) if (!toldAt.has(user.id)) cell(user.id).value = user;
  });
}

/** @param {UserId} id */
function need(id) {
  const at = toldAt.get(id);
  if (missing.has(id) || (at !== undefined && performance.now() < at + FRESH)) return;
  missing.add(id);
  if (asking) return;
  asking = true;
  queueMicrotask(ask);
}

async function ask() {
  while (missing.size > 0) {
    const ids = [...missing].slice(0, AT_ONCE);
    try {
      const { items } = await api.get("users", { id: ids });
      const now = performance.now();
      for (const id of ids) toldAt.set(id, now); // also of those who do not exist: once is enough
      learn(items);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      if (line.isOpen) continue;
      break; // the next connection asks again
    }
    for (const id of ids) missing.delete(id);
  }
  asking = false;
}

/** @param {UserId} id */
function cell(id) {
  let found = known.get(id);
  if (found === undefined) known.set(id, (found = signal(/** @type {User | undefined} */ (undefined))));
  return found;
}

welcomed.on((hello) => {
  learn([hello.user, ...(hello.rooms ?? []).flatMap((room) => [room.peer, room.last_author])]);
  if (missing.size > 0 && !asking) {
    asking = true;
    void ask();
  }
});

emptied.on(() => {
  known.clear();
  toldAt.clear();
  missing.clear();
});

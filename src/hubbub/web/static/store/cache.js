/**
 * What this device keeps of rooms, to open the last ones without a connection: the list, and the last rows of those that
 * were looked at. All of it can be had again, so that it is written now and then, and dropped when space is short.
 *
 * @import {Message, RoomId, RoomSummary, Seq} from "../core/types.d.ts"
 * @typedef {{epoch: string | null, rooms: RoomSummary[]}} KeptList
 * @typedef {{id: RoomId, epoch: string | null, head: Seq, messages: Message[], used_at: number}} Kept
 */

import { db, emptied, gone } from "./live.js";

const ROOMS = 20; // whose rows are kept
const PAUSE = 2000; // milliseconds between two writes

/** @type {Map<RoomId, () => Kept | null>} */
const dirty = new Map();
/** @type {(() => KeptList) | null} */
let list = null;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * @param {RoomId} id
 * @returns {Promise<Kept | undefined>}
 */
export const recalled = (id) => db.get("rooms", id);

/** @returns {Promise<KeptList | undefined>} */
export const recalledList = () => db.get("kv", "rooms");

/**
 * @param {RoomId} id
 * @param {() => Kept | null} kept asked when it is written; null = what is kept is as good
 */
export function keepLater(id, kept) {
  dirty.set(id, kept);
  plan();
}

/** @param {() => KeptList} kept */
export function keepListLater(kept) {
  list = kept;
  plan();
}

/** Write what has changed, now: the page may never be seen again. */
export function keepNow() {
  clearTimeout(timer);
  timer = undefined;
  /** @type {import("../io/db.js").Change[]} */
  const changes = [];
  for (const kept of dirty.values()) {
    const put = kept();
    if (put !== null) changes.push({ store: "rooms", put });
  }
  if (list !== null) changes.push({ store: "kv", put: list(), key: "rooms" });
  dirty.clear();
  list = null;
  if (changes.length > 0) void db.write(changes).catch(() => undefined); // `storage` tells of it
}

/** Forget the rows of rooms that were not used for long. */
export async function tidy() {
  const kept = /** @type {Kept[]} */ (await db.all("rooms"));
  const old = kept.sort((one, other) => other.used_at - one.used_at).slice(ROOMS);
  if (old.length > 0) await db.write(old.map(({ id }) => ({ store: "rooms", delete: id })));
}

function plan() {
  timer ??= setTimeout(keepNow, PAUSE);
}

gone.on(({ roomId }) => {
  dirty.delete(roomId);
  void db.write([{ store: "rooms", delete: roomId }]).catch(() => undefined);
});
emptied.on(() => {
  clearTimeout(timer);
  timer = undefined;
  dirty.clear();
  list = null;
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") keepNow();
});

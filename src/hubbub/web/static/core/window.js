/**
 * The window of a timeline: a run of messages without one missing between them, and the arithmetic that keeps it so.
 *
 * A page is older than the events that came meanwhile: each carries the head at which it was read, and is brought up to
 * date from the room's log before it is joined to the window.
 *
 * @import {Log} from "./log.js"
 * @import {Message, RoomState, Seq, Timeline} from "./types.d.ts"
 */

import { apply, newer, newRoom } from "./fold.js";

/**
 * The messages of a page, oldest first, as they are at `upto`; with those that were posted after it when the page
 * `reachesEnd`. Null when the log does not go back far enough: then ask for the page again.
 *
 * @param {Timeline} page
 * @param {Log} log
 * @param {Seq} upto
 * @param {boolean} reachesEnd
 * @returns {Message[] | null}
 */
export function current(page, log, upto, reachesEnd) {
  const happened = log.between(page.head, Math.max(page.head, upto));
  if (happened === null) return null;
  const room = newRoom(0);
  room.tail = reachesEnd;
  for (const message of [...page.items].reverse()) room.messages.set(message.seq, message);
  for (const event of happened) apply(room, event);
  return [...room.messages.values()];
}

/**
 * The seqs of the first and the last message that are here.
 *
 * @param {RoomState} room
 */
export function edges({ messages }) {
  const seqs = [...messages.keys()];
  return [seqs.at(0), seqs.at(-1)];
}

/**
 * Join a page to the window; of two states of one message the newer counts.
 *
 * @param {RoomState} room
 * @param {readonly Message[]} messages oldest first
 */
export function join(room, messages) {
  const all = new Map(room.messages);
  for (const message of messages) all.set(message.seq, newer(all.get(message.seq), message));
  room.messages = new Map([...all].sort((one, other) => one[0] - other[0]));
}

/**
 * Forget what is more than `keep` rows away from the screen. Whether the latest ones went is in `room.tail`.
 *
 * @param {RoomState} room
 * @param {Seq} first on the screen
 * @param {Seq} last on the screen
 * @param {number} keep
 * @returns {boolean} did any of the oldest go?
 */
export function prune(room, first, last, keep) {
  const seqs = [...room.messages.keys()];
  const from = Math.max(0, lowerBound(seqs, first) - keep);
  const to = Math.min(seqs.length, lowerBound(seqs, last + 1) + keep);
  for (const seq of seqs.slice(0, from)) room.messages.delete(seq);
  for (const seq of seqs.slice(to)) room.messages.delete(seq);
  if (to < seqs.length) room.tail = false;
  return from > 0;
}

/**
 * The index of the first of the sorted numbers that is not below `least`.
 *
 * @param {readonly number[]} sorted
 * @param {number} least
 */
function lowerBound(sorted, least) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? Infinity) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

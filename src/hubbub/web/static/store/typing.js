/**
 * Who types. Signals may be lost, so that each ends by itself.
 *
 * @import {ReadonlySignal, Signal} from "@preact/signals-core"
 * @import {RoomId, UserId} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { emptied, happened, line, signalled } from "./live.js";

const RENEW = 3000; // milliseconds between two signals of one's own
const LAST = 7000; // milliseconds after which somebody has stopped without saying so

/** @type {Map<RoomId, Signal<UserId[]>>} */
const typists = new Map();
/** @type {Map<string, ReturnType<typeof setTimeout>>} by room and user */
const timers = new Map();
/** @type {RoomId | null} where this tab has said that the user types */
let told = null;
let toldAt = 0;

/**
 * @param {RoomId} roomId
 * @returns {ReadonlySignal<UserId[]>} the first one first
 */
export const typing = (roomId) => cell(roomId);

/**
 * The user types here, or has stopped.
 *
 * @param {RoomId} roomId
 * @param {boolean} on
 */
export function tellTyping(roomId, on) {
  if (!on && told !== roomId) return;
  const now = performance.now();
  if (on && told === roomId && now < toldAt + RENEW) return;
  if (!line.isLive(roomId)) return;
  line.tell({ type: "typing", room_id: roomId, on });
  told = on ? roomId : null;
  toldAt = now;
}

/**
 * @param {RoomId} roomId
 * @param {UserId} userId
 * @param {boolean} on
 */
function set(roomId, userId, on) {
  const key = `${roomId} ${userId}`;
  clearTimeout(timers.get(key));
  timers.delete(key);
  const now = cell(roomId);
  if (on)
    timers.set(
      key,
      setTimeout(() => set(roomId, userId, false), LAST),
    );
  if (on !== now.value.includes(userId)) {
    now.value = on ? [...now.value, userId] : now.value.filter((one) => one !== userId);
  }
}

/** @param {RoomId} roomId */
function cell(roomId) {
  let found = typists.get(roomId);
  if (found === undefined) typists.set(roomId, (found = signal(/** @type {UserId[]} */ ([]))));
  return found;
}

signalled.on(({ kind, room_id, user_id, on }) => {
  if (kind === "typing" && room_id !== undefined && user_id !== undefined) set(room_id, user_id, on === true);
});
happened.on(({ roomId, event }) => {
  if (event.kind === "message.posted" && typists.get(roomId)?.value.includes(event.user_id)) {
    set(roomId, event.user_id, false);
  }
});
emptied.on(() => {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
  for (const one of typists.values()) one.value = [];
  told = null;
});

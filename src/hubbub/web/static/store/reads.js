/**
 * How far others have read, as far as they were heard to: signals of small rooms, which are never repeated.
 *
 * @import {ReadonlySignal, Signal} from '@preact/signals-core'
 * @import {RoomId, Seq, UserId} from '../core/types.d.ts'
 */

import { signal } from "@preact/signals-core";

import { emptied, happened, signalled, tokens } from "./live.js";

/** @type {Map<RoomId, Signal<ReadonlyMap<UserId, Seq>>>} */
const marks = new Map();

/**
 * @param {RoomId} roomId
 * @returns {ReadonlySignal<ReadonlyMap<UserId, Seq>>} by person, the last seq that they have read
 */
export const reads = (roomId) => cell(roomId);

/** @param {RoomId} roomId */
function cell(roomId) {
  let found = marks.get(roomId);
  if (found === undefined) marks.set(roomId, (found = signal(/** @type {ReadonlyMap<UserId, Seq>} */ (new Map()))));
  return found;
}

/**
 * @param {RoomId} roomId
 * @param {UserId} userId
 * @param {Seq} seq
 */
function mark(roomId, userId, seq) {
  const found = cell(roomId);
  if (userId === tokens.user?.id || seq <= (found.peek().get(userId) ?? 0)) return;
  found.value = new Map(found.peek()).set(userId, seq);
}

signalled.on(({ kind, room_id, user_id, seq }) => {
  if (kind === "read" && room_id !== undefined && user_id !== undefined && seq !== undefined) mark(room_id, user_id, seq);
});
// Who writes has read what stands above it.
happened.on(({ roomId, event }) => {
  if (event.kind === "message.posted") mark(roomId, event.user_id, event.seq);
});
emptied.on(() => marks.clear());

/**
 * How far others have read: signals of small rooms, which are never repeated, and what the server knew before them. A
 * mark never goes back, so that it does not matter which of the two comes first.
 *
 * @import {ReadonlySignal, Signal} from '@preact/signals-core'
 * @import {List, Membership, RoomId, Seq, UserId} from '../core/types.d.ts'
 */

import { signal } from "@preact/signals-core";

import { api, emptied, happened, line, restarted, signalled, tokens, welcomed } from "./live.js";

const SMALL = 50; // members of a room whose marks are asked for; the server tells those of larger ones to nobody, either

/** @type {Map<RoomId, Signal<ReadonlyMap<UserId, Seq>>>} */
const marks = new Map();
/** What was asked on this connection. @type {Map<RoomId, object>} */
const asked = new Map();

/**
 * @param {RoomId} roomId
 * @returns {ReadonlySignal<ReadonlyMap<UserId, Seq>>} by person, the last seq that they have read
 */
export const reads = (roomId) => cell(roomId);

/**
 * Somebody wants to see who has read: ask for it, once a connection. A large room costs one page, and is left alone.
 *
 * @param {RoomId} roomId
 */
export async function needReads(roomId) {
  if (!line.isOpen || asked.has(roomId)) return;
  const question = {};
  asked.set(roomId, question);
  try {
    /** @type {List<Membership>} */
    const { items, next_cursor } = await api.get(`rooms/${roomId}/members`, { limit: SMALL });
    if (next_cursor !== null || asked.get(roomId) !== question) return; // some would look like all, or of another log
    // What was before somebody joined counts as read, and nobody has seen them do it.
    for (const { user, joined_seq, read_seq } of items) if (read_seq > joined_seq) mark(roomId, user.id, read_seq);
  } catch {
    // The next connection asks again.
  }
}

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
restarted.on(({ roomId }) => {
  asked.delete(roomId);
  cell(roomId).value = new Map(); // they may be of another log
});
welcomed.on(() => asked.clear());
emptied.on(() => {
  marks.clear();
  asked.clear();
});

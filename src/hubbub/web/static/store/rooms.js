/**
 * The rooms of the user: the sidebar, which of them is open, and what can be done with a whole room.
 *
 * @import {ReadonlySignal} from "@preact/signals-core"
 * @import {History, RoomId, RoomSummary, RoomView, Seq, UserId} from "../core/types.d.ts"
 */

import { batch, computed, untracked } from "@preact/signals-core";

import { attempt, toast } from "./announce.js";
import { keepListLater } from "./cache.js";
import { catchUp } from "./feed.js";
import { api, emptied, line, tabs } from "./live.js";
import { current, screen } from "./screen.js";
import { add, ask, changes, close, epoch, heldRoom, heldRooms, loaded } from "./sync.js";

export { current, loaded };

const MARK_PAUSE = 1000; // milliseconds between two read marks of a room

/** @type {Map<RoomId, ReturnType<typeof setTimeout>>} */
const marking = new Map();

/** The latest first. */
export const rooms = computed(() => {
  changes.value;
  const views = [...heldRooms()].map(({ view }) => view.value);
  return views.sort((one, other) => compare(other.last_at, one.last_at) || other.id - one.id);
});
export const channels = computed(() => rooms.value.filter(({ kind }) => kind === "channel"));
export const groups = computed(() => rooms.value.filter(({ kind }) => kind === "group"));
export const directs = computed(() => rooms.value.filter(({ kind }) => kind === "direct"));
export const unreadTotal = computed(() => rooms.value.reduce((total, { unread }) => total + unread, 0));

/** @type {Map<RoomId, ReadonlySignal<RoomView | undefined>>} */
const views = new Map();

/** @param {RoomId} id */
export function roomView(id) {
  let found = views.get(id);
  if (found === undefined) {
    found = computed(() => {
      changes.value;
      return heldRoom(id)?.view.value;
    });
    views.set(id, found);
  }
  return found;
}

// What the user does

/**
 * An effect may call this: what is read here is not what it depends on.
 *
 * @param {RoomId} id
 */
export function openRoom(id) {
  if (current.peek() === id) return;
  untracked(() =>
    batch(() => {
      closeRoom();
      current.value = id;
      screen.opened(id);
    }),
  );
  if (heldRoom(id) === undefined && line.isOpen) void ask(id);
}

export function closeRoom() {
  const id = current.peek();
  if (id === null) return;
  untracked(() =>
    batch(() => {
      catchUp(id);
      current.value = null;
      screen.left(id);
    }),
  );
}

/**
 * @param {{kind: 'group' | 'channel', name: string, topic?: string, history?: History, member_ids?: UserId[]}} room
 * @returns {Promise<RoomId>}
 */
export async function createRoom(room) {
  return add(await api.post("rooms", room)).id;
}

/**
 * The room with this person, which is made if there is none; null when that failed.
 *
 * @param {UserId} userId
 */
export async function openDirect(userId) {
  const summary = await attempt(api.post("rooms/direct", { user_id: userId }));
  return summary === undefined ? null : add(summary).id;
}

/** @param {RoomId} id */
export async function joinChannel(id) {
  const member = await attempt(api.request("PUT", `rooms/${id}/members/me`));
  return member !== undefined && ask(id);
}

/** @param {RoomId} id */
export async function leaveRoom(id) {
  const { name = "" } = roomView(id).value ?? {};
  if ((await attempt(api.request("DELETE", `rooms/${id}/members/me`))) !== undefined) {
    close(id, "left");
    toast({ key: "toast.left", args: { room: name } });
  }
}

/** @param {RoomId} id */
export async function deleteRoom(id) {
  if ((await attempt(api.request("DELETE", `rooms/${id}`))) !== undefined) close(id, "deleted");
}

/**
 * @param {RoomId} id
 * @param {{name?: string, topic?: string}} change
 */
export async function changeRoom(id, change) {
  heldRoom(id)?.describe(await api.request("PATCH", `rooms/${id}`, { body: change }));
}

/**
 * Everything up to `seq` is read: tell the server, within a second, and the other tabs.
 *
 * @param {RoomId} id
 * @param {Seq} seq
 * @param {number | null} [passed] how many unread messages that makes less, if it is known
 */
export function markRead(id, seq, passed = null) {
  if (!heldRoom(id)?.read(seq, passed)) return;
  tabs.post("read", { id, seq });
  if (marking.has(id)) return;
  const sent = heldRoom(id)?.view.value.read_seq ?? 0;
  line.markRead(id, sent);
  marking.set(
    id,
    setTimeout(() => {
      marking.delete(id);
      const { read_seq = 0 } = heldRoom(id)?.view.value ?? {};
      if (read_seq > sent) line.markRead(id, read_seq);
    }, MARK_PAUSE),
  );
}

/** As the server would tell of it. @param {RoomView} view @returns {RoomSummary} */
function summaryOf({ draft: _, ...rest }) {
  return { ...rest, base: 0 };
}

/**
 * @param {string} one
 * @param {string} other
 */
function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}

rooms.subscribe((views) => {
  if (loaded.peek()) keepListLater(() => ({ epoch, rooms: views.map(summaryOf) }));
});
emptied.on(() => {
  for (const timer of marking.values()) clearTimeout(timer);
  marking.clear();
});

/**
 * The rooms as this page holds them, kept as the server tells: from `hello` on, by events, and again after a loss.
 *
 * Every room is followed, so that its line is right at any time; only rooms that are looked at have a timeline.
 *
 * @import {Gone, Hello, List, RoomId, RoomSummary} from "../core/types.d.ts"
 * @import {Problem} from "../core/problems.js"
 */

import { batch, signal } from "@preact/signals-core";

import { problemOf } from "../core/problems.js";
import { toast } from "./announce.js";
import { recalledList } from "./cache.js";
import { arrived, catchUp, shownBy } from "./feed.js";
import { Held } from "./held.js";
import * as live from "./live.js";
import { learn } from "./people.js";
import { current, screen } from "./screen.js";

const RESUME = 200; // events that are caught up with one by one; beyond, a room begins again at its end
const RETRY = 5000; // milliseconds
const PAGE = 200;

/** @type {Map<RoomId, Held>} */
const held = new Map();
/** Grows when a room comes or goes. */
export const changes = signal(0);
let hellos = 0;
/** @type {string | null} of the logs that the marks of these rooms are about */
export let epoch = null;
/** @type {Map<RoomId, Promise<boolean>>} summaries that are being asked for */
const asking = new Map();

/** Is the list known, from the server or from this device? */
export const loaded = signal(false);

/** @param {RoomId} id */
export const heldRoom = (id) => held.get(id);

/** All of them; `changes` says when there are others. */
export const heldRooms = () => held.values();

/** Show the rooms that this device remembers, and remember them from now on. */
export async function recallRooms() {
  const remembered = await recalledList();
  if (!loaded.value && remembered !== undefined) {
    batch(() => {
      epoch = remembered.epoch;
      for (const summary of remembered.rooms) hold(summary);
      loaded.value = true;
    });
    if (current.value !== null) screen.restart(current.value);
  }
}

/** @param {Hello} hello */
async function welcome(hello) {
  const number = ++hellos;
  catchUp(null);
  if (epoch !== hello.epoch) for (const room of held.values()) room.forget();
  epoch = hello.epoch;
  batch(() => {
    for (const summary of hello.rooms ?? []) refresh(summary);
    loaded.value = true;
  });
  if (!(await rest(hello.rooms_cursor, number)) || number !== hellos) return;
  for (const room of [...held.values()]) if (room.mentioned < number) void ask(room.id); // gone while nobody looked
  const id = current.value;
  if (id !== null && !held.has(id)) void ask(id);
}

/**
 * The rooms that `hello` had no space for.
 *
 * @param {string | null | undefined} cursor
 * @param {number} number of the hello
 */
async function rest(cursor, number) {
  while (cursor) {
    /** @type {List<RoomSummary>} */
    let page;
    try {
      page = await live.api.get("rooms", { cursor, limit: PAGE });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY));
      if (number === hellos && live.line.isOpen) continue;
      return false; // the next hello begins anew
    }
    if (number !== hellos) return false;
    learn(page.items.flatMap(({ peer, last_author }) => [peer, last_author]));
    batch(() => page.items.forEach((summary) => add(summary)));
    cursor = page.next_cursor;
  }
  return true;
}

/**
 * A room as `hello` has it: go on where it was left, or begin again at its end if that is too far.
 *
 * @param {RoomSummary} summary
 */
function refresh(summary) {
  const room = hold(summary);
  const same = room.epoch === null || room.epoch === epoch;
  const anew = room.log === null || (same && summary.head > room.log.head + RESUME);
  if (anew) {
    room.begin(summary.head);
    live.outbox.reached(room.id, [], room.shown);
  }
  room.describe(summary);
  if (anew) screen.restart(room.id);
  // A position in another log, or one that is ahead: the server will say `reset`.
  live.line.follow(room.id, room.log?.head ?? summary.head, room.epoch);
}

/**
 * A room that the server told of, which may be a new one.
 *
 * @param {RoomSummary} summary
 */
export function add(summary) {
  const room = hold(summary);
  const anew = room.log === null;
  if (anew) room.begin(summary.head);
  room.describe(summary);
  if (anew) screen.restart(room.id);
  if (live.line.position(room.id) === null) live.line.follow(room.id, room.log?.head ?? summary.head, room.epoch);
  return room;
}

/** @param {RoomSummary} summary */
function hold(summary) {
  let room = held.get(summary.id);
  if (room === undefined) {
    room = new Held(summary, live.tokens.user?.id ?? 0);
    held.set(summary.id, room);
    changes.value += 1;
    live.appeared.tell(room.id);
  }
  room.mentioned = hellos;
  return room;
}

/**
 * Ask for a room's summary; is it one of ours?
 *
 * @param {RoomId} id
 * @returns {Promise<boolean>}
 */
export function ask(id) {
  let asked = asking.get(id);
  if (asked === undefined) {
    asked = live.api.get(`rooms/${id}`).then(
      (summary) => {
        learn([summary.peer, summary.last_author]);
        add(summary);
        return true;
      },
      (error) => {
        const { code } = problemOf(error);
        if (code === "not_found" || code === "forbidden") close(id, held.has(id) ? "removed" : code);
        else setTimeout(() => current.value === id && !held.has(id) && live.line.isOpen && ask(id), RETRY);
        return false;
      },
    );
    asking.set(id, asked);
    void asked.finally(() => asking.delete(id));
  }
  return asked;
}

/** @param {Held} room */
function settle(room) {
  if (room.unsure) void ask(room.id);
}

/**
 * A room is not ours any more.
 *
 * @param {RoomId} id
 * @param {Gone} reason
 */
export function close(id, reason) {
  const room = held.get(id);
  const name = room?.view.value.name ?? "";
  batch(() => {
    live.line.unfollow(id);
    if (held.delete(id)) changes.value += 1;
    screen.gone(id, reason);
  });
  live.outbox.ended(id);
  if (room !== undefined) live.gone.tell({ roomId: id, reason, name });
}

/**
 * Why the connection says that a room is over.
 *
 * @param {RoomId} id
 * @param {Problem | null} problem
 * @returns {Gone}
 */
function reasonOf(id, problem) {
  const last = held.get(id)?.log?.events.at(-1);
  if (last?.kind === "room.deleted") return "deleted";
  if (last?.kind === "member.left" && last.user_id === last.member_id) return "left";
  if (held.has(id)) return "removed";
  return problem?.code === "forbidden" ? "forbidden" : "not_found";
}

shownBy((id, all) => {
  const room = held.get(id);
  if (room === undefined || room.log === null) return false;
  if (room.log.base > room.shown) {
    // More came at once than the log keeps: begin again at its end.
    room.shown = room.log.head;
    screen.restart(id);
    void ask(id);
    live.outbox.reached(id, [], room.shown);
    return false;
  }
  const events = screen.take(room, all);
  room.shown += events.length;
  room.take(events);
  live.outbox.reached(id, events, room.shown);
  settle(room);
  return room.shown < room.log.head;
});

live.shown.position = (id) => held.get(id)?.shown ?? null;
live.welcomed.on((hello) => void welcome(hello));
live.happened.on(({ roomId, event }) => {
  const room = held.get(roomId);
  if (room === undefined || room.log === null || event.seq <= room.log.head) return;
  if (event.seq > room.log.head + 1) {
    live.line.follow(roomId, room.log.head, room.epoch);
    return;
  }
  room.log.add(event);
  arrived(roomId);
});
live.joined.on((frame) => {
  const room = held.get(frame.room_id);
  if (room === undefined) return;
  room.epoch = frame.epoch;
  if (room.view.value.role !== frame.role) room.view.value = { ...room.view.value, role: frame.role };
  room.read(frame.read_seq);
  const { read_seq } = room.view.value;
  // It was read without a connection, or the mark was lost with one.
  if (read_seq > frame.read_seq && frame.epoch === epoch) live.line.markRead(room.id, read_seq);
});
live.restarted.on(({ roomId, from }) => {
  const room = held.get(roomId);
  if (room === undefined) return;
  room.epoch = null;
  room.begin(from);
  screen.restart(roomId);
  live.outbox.doubt(roomId);
  void ask(roomId);
});
live.closed.on(({ roomId, problem }) => {
  catchUp(roomId);
  const reason = reasonOf(roomId, problem);
  close(roomId, reason);
});
live.signalled.on(({ kind, room_id, user_id, seq = 0, on }) => {
  const room = held.get(room_id ?? 0);
  if (kind === "read" && user_id === live.tokens.user?.id && room !== undefined) {
    room.read(seq);
    settle(room); // the mark is stored: what can't be counted here can be asked for now
  } else if (kind === "room" && on === true && room_id !== undefined) void ask(room_id);
  else if (kind === "room" && on === false && room !== undefined && live.line.position(room.id) === null) {
    close(room.id, "removed");
  }
});
live.gone.on(({ reason, name }) => {
  if (reason === "removed" || reason === "deleted") toast({ key: `toast.${reason}`, args: { room: name } });
});
live.tabs.on("read", ({ id, seq }) => {
  const room = held.get(id);
  if (room?.read(seq)) settle(room);
});
live.emptied.on(() => {
  batch(() => {
    held.clear();
    asking.clear();
    hellos += 1;
    epoch = null;
    current.value = null;
    loaded.value = false;
    changes.value += 1;
  });
});

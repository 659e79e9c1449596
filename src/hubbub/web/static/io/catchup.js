/**
 * How this page stays complete: what it has got of each room, and when it has to ask for more. The twin of the Python
 * client's `catchup.py`: no I/O, no clock of its own.
 *
 * One thing differs: after a `reset` this side goes on from the head and not from the base, since a page shows the end
 * of a room and loads what came before as it is looked at.
 *
 * A room is *wanted* (to be joined as soon as it is due), *joining* (asked for, and not caught up), *live* or *ended*.
 * Whatever happens (a hole, `behind`, a lost connection) leads back to *wanted* with the position kept, so that there is
 * one way to recover and it is the one that is used every day.
 *
 * @import {Events, EventFrame, Joined, Reset, RoomEvent, RoomId, Seq} from "../core/types.d.ts"
 * @typedef {{
 *   roomId: RoomId, applied: Seq, epoch: string | null, backoff: Backoff,
 *   stage: 'wanted' | 'joining' | 'live' | 'ended', due: number, ref: number | null, head: Seq,
 * }} Following
 * @typedef {{
 *   applied(roomId: RoomId, event: RoomEvent): void,
 *   joined(frame: Joined): void,
 *   caughtUp(roomId: RoomId): void,
 *   reset(roomId: RoomId, reason: string, from: Seq): void,
 *   ended(roomId: RoomId, problem: Problem | null): void,
 * }} Receiver
 */

import { Problem } from "../core/problems.js";
import { Backoff } from "./backoff.js";

const SYNC_ROOMS = 100; // rooms in one `sync`: some 2 kB
const REFUSED = new Set(["forbidden", "not_found", "invalid"]);

export class Catchup {
  /** @type {Map<RoomId, Following>} */
  #rooms = new Map();
  /** @type {Map<RoomId, Following>} those that are to be joined */
  #wanted = new Map();
  /** @type {Map<number, Following[]>} by ref */
  #asked = new Map();

  /** @param {Receiver} receiver */
  constructor(receiver) {
    this.receiver = receiver;
  }

  /**
   * Follow a room from the event after `after` on.
   *
   * @param {RoomId} roomId
   * @param {Seq} after
   * @param {string | null} epoch
   */
  follow(roomId, after, epoch) {
    this.unfollow(roomId);
    /** @type {Following} */
    const room = {
      roomId,
      applied: after,
      epoch,
      backoff: new Backoff(1),
      stage: "wanted",
      due: 0,
      ref: null,
      head: 0,
    };
    this.#rooms.set(roomId, room);
    this.#wanted.set(roomId, room);
  }

  /** @param {RoomId} roomId */
  unfollow(roomId) {
    this.#wanted.delete(roomId);
    const room = this.#rooms.get(roomId);
    if (room === undefined) return false;
    this.#rooms.delete(roomId);
    const followed = room.stage !== "ended";
    room.stage = "ended";
    room.ref = null;
    return followed;
  }

  clear() {
    for (const roomId of [...this.#rooms.keys()]) this.unfollow(roomId);
    this.#asked.clear();
  }

  /** @param {RoomId} roomId @returns {Seq | null} the last event that was handed on; null = the room is not followed */
  position(roomId) {
    const room = this.#rooms.get(roomId);
    return room === undefined || room.stage === "ended" ? null : room.applied;
  }

  /** @param {RoomId} roomId */
  isLive(roomId) {
    return this.#rooms.get(roomId)?.stage === "live";
  }

  /** When there is something to ask for. */
  due() {
    let due = Infinity;
    for (const room of this.#wanted.values()) due = Math.min(due, room.due);
    return due;
  }

  /**
   * What to ask for now, as one frame; null when nothing is due.
   *
   * @param {number} now
   * @param {number} ref
   */
  nextRequest(now, ref) {
    const due = [...this.#wanted.values()].filter((room) => room.due <= now);
    const [first] = due;
    if (first === undefined) return null;
    const { epoch } = first;
    const together = due.filter((room) => room.epoch === epoch).slice(0, SYNC_ROOMS);
    this.#asked.set(ref, together);
    for (const room of together) {
      room.stage = "joining";
      room.ref = ref;
      this.#wanted.delete(room.roomId);
    }
    const said = epoch === null ? {} : { epoch };
    if (together.length === 1) {
      return { type: "join", ref, room_id: first.roomId, after: first.applied, ...said };
    }
    const rooms = Object.fromEntries(together.map((room) => [room.roomId, room.applied]));
    return { type: "sync", ref, rooms, ...said };
  }

  /** The connection is gone: every room has to be joined again. */
  lost() {
    this.#asked.clear();
    for (const room of this.#rooms.values()) if (room.stage !== "ended") this.#want(room, 0);
  }

  // What the server says. `joined` and `events` return the ref that is answered with it, whoever still wants to know.

  /**
   * @param {Joined} frame
   * @param {number} now
   */
  joined(frame, now) {
    const answered = frame.replay === null ? this.#over(frame.ref) : null;
    const room = this.#askedFor(frame.room_id, frame.ref);
    if (room === null) return answered;
    room.epoch = frame.epoch;
    room.head = frame.head;
    if (room.applied > frame.head) {
      // Events that are not there any more: the log that is known here is not this one.
      this.#restart(room, frame.head, "epoch_changed");
      this.#want(room, now + room.backoff.next());
      return answered;
    }
    this.receiver.joined(frame);
    if (frame.replay === null) this.#settle(room, now);
    return answered;
  }

  /**
   * @param {Events} frame
   * @param {number} now
   */
  events(frame, now) {
    const answered = this.#over(frame.ref);
    const room = this.#askedFor(frame.room_id, frame.ref);
    if (room === null) return answered;
    const { applied } = room;
    for (const event of frame.events) if (this.#take(room, event) === "gap") break;
    if (!frame.more) this.#settle(room, now);
    else this.#want(room, room.applied > applied ? now : now + room.backoff.next());
    return answered;
  }

  /**
   * @param {EventFrame} frame
   * @param {number} now
   */
  event(frame, now) {
    const room = this.#rooms.get(frame.room_id);
    if (room === undefined || room.stage === "ended") return;
    if (this.#take(room, frame) === "gap" && room.stage === "live") this.#want(room, now + room.backoff.next());
  }

  /**
   * The room is not live on this connection any more, whatever was asked for before.
   *
   * @param {RoomId} roomId
   * @param {number} now
   */
  behind(roomId, now) {
    const room = this.#rooms.get(roomId);
    if (room !== undefined && (room.stage === "live" || room.stage === "joining")) this.#want(room, now);
  }

  /**
   * @param {Reset} frame
   * @param {number} now
   */
  reset(frame, now) {
    const room = this.#rooms.get(frame.room_id);
    if (room === undefined || room.stage === "ended") return;
    if (frame.reason === "forbidden") {
      this.#end(room, null);
      return;
    }
    this.#restart(room, frame.head ?? frame.base ?? 0, frame.reason);
    if (room.stage === "live") this.#want(room, now);
  }

  /**
   * The heads of rooms that changed: what is not here by now was lost on the way.
   *
   * @param {Record<string, Seq>} heads
   * @param {number} now
   */
  heads(heads, now) {
    for (const [roomId, head] of Object.entries(heads)) {
      const room = this.#rooms.get(Number(roomId));
      if (room?.stage === "live" && room.applied < head) this.#want(room, now + room.backoff.next());
    }
  }

  /**
   * An error answers what was asked for; is it of a room of ours? With a room_id it is one room of a `sync`.
   *
   * @param {number} ref
   * @param {RoomId | undefined} roomId
   * @param {Problem} problem
   * @param {number} now
   */
  refused(ref, roomId, problem, now) {
    const asked = this.#asked.get(ref);
    if (asked === undefined) return false;
    for (const room of asked) {
      if (room.ref !== ref || (roomId !== undefined && roomId !== room.roomId)) continue;
      if (REFUSED.has(problem.code)) this.#end(room, problem);
      else this.#want(room, now + Math.max(problem.retryAfter ?? 0, room.backoff.next()));
    }
    if (roomId === undefined) this.#asked.delete(ref);
    return true;
  }

  /**
   * A `sync` is complete; was there one? A room of it that was not answered is asked for again.
   *
   * @param {number} ref
   * @param {number} now
   */
  answered(ref, now) {
    const asked = this.#asked.get(ref);
    if (asked === undefined) return false;
    this.#asked.delete(ref);
    for (const room of asked) if (room.ref === ref) this.#want(room, now + room.backoff.next());
    return true;
  }

  /**
   * The room, if this answers what was asked for last; an answer to anything older is passed over.
   *
   * @param {RoomId} roomId
   * @param {number | undefined} ref
   */
  #askedFor(roomId, ref) {
    const room = this.#rooms.get(roomId);
    return room === undefined || ref === undefined || room.ref !== ref ? null : room;
  }

  /**
   * The ref of a `join` is answered with its one room; a `sync` ends with an ack.
   *
   * @param {number | undefined} ref
   */
  #over(ref) {
    if (ref === undefined || this.#asked.get(ref)?.length !== 1) return null;
    this.#asked.delete(ref);
    return ref;
  }

  /**
   * @param {Following} room
   * @param {number} due
   */
  #want(room, due) {
    room.stage = "wanted";
    room.ref = null;
    room.due = due;
    this.#wanted.set(room.roomId, room);
  }

  /**
   * The server has sent all that it means to: go live, if that is all there is.
   *
   * @param {Following} room
   * @param {number} now
   */
  #settle(room, now) {
    if (room.applied < room.head) {
      this.#want(room, now + room.backoff.next());
      return;
    }
    room.stage = "live";
    room.ref = null;
    this.receiver.caughtUp(room.roomId);
  }

  /**
   * The arithmetic: one more is applied, not more is known, more than one more is a hole.
   *
   * @param {Following} room
   * @param {RoomEvent} event
   */
  #take(room, event) {
    if (event.seq <= room.applied) return "known";
    if (event.seq > room.applied + 1) return "gap";
    room.applied = event.seq;
    room.backoff.reset(); // only progress counts as success
    this.receiver.applied(room.roomId, event);
    return "applied";
  }

  /**
   * @param {Following} room
   * @param {Seq} from
   * @param {string} reason
   */
  #restart(room, from, reason) {
    room.applied = from;
    room.epoch = null;
    this.receiver.reset(room.roomId, reason, from);
  }

  /**
   * @param {Following} room
   * @param {Problem | null} problem
   */
  #end(room, problem) {
    room.stage = "ended";
    room.ref = null;
    this.#wanted.delete(room.roomId);
    this.receiver.ended(room.roomId, problem);
  }
}

/**
 * What was said and is not confirmed. Each entry is on the disk before it is sent, and stays until the room shows it:
 * closing the tab or losing the network loses nothing.
 *
 * Entries of a room leave one by one, in the order in which they were made; the same `key` goes with every repeat, so
 * that the server has a message once, however often it was sent. Edits and deletions have no key there: they leave the
 * disk as soon as they are acknowledged, before the next one of the room is sent. Each tab sends its own; when a tab is
 * gone another one adopts what it left, which may have been sent or not.
 *
 * @import {Ack, Pending, RoomEvent, RoomId, Seq, UserId} from "../core/types.d.ts"
 * @import {Db} from "./db.js"
 * @import {Tabs} from "./tabs.js"
 * @typedef {Pending & {tab: string, n: number}} Entry
 * @typedef {{isOpen: boolean, request(frame: Record<string, unknown>): Promise<Ack>}} Line
 * @typedef {{
 *   changed(roomId: RoomId): void,
 *   failed(entry: Pending): void,
 *   position(roomId: RoomId): Seq | null,
 * }} Listener `position`: up to where a room is shown; null = it is not followed
 */

import { Problem, problemOf } from "../core/problems.js";
import { Backoff } from "./backoff.js";
import { haveLocks } from "./locks.js";
import { newId } from "./ids.js";
import { Spool } from "./spool.js";

const LAST_WORDS = 1000; // milliseconds until what a closed tab has written must be seen by the others

export class Outbox {
  /** @type {Map<string, Entry>} the oldest first */
  #entries = new Map();
  /** @type {Map<string, Seq>} entries that the server has confirmed: with which event */
  #confirmed = new Map();
  /** @type {Set<string>} entries that may have left a page */
  #left = new Set();
  /** @type {Set<RoomId>} rooms one of whose entries is under way */
  #busy = new Set();
  /** @type {Map<RoomId, Backoff>} of rooms whose first entry was told to come later */
  #backoffs = new Map();
  /** @type {UserId} */
  #userId = 0;
  #n = 0;
  #epoch = 0; // counts users, so that what is under way for an earlier one is passed over

  /**
   * @param {Db} db
   * @param {Tabs} tabs
   * @param {Line} line
   * @param {Listener} listener
   */
  constructor(db, tabs, line, listener) {
    this.spool = new Spool(db);
    this.tabs = tabs;
    this.line = line;
    this.listener = listener;
  }

  /**
   * Take up what is left of this user. Entries of tabs that are still there are theirs.
   *
   * @param {UserId} userId
   */
  async start(userId) {
    this.#userId = userId;
    const locks = await haveLocks();
    for (const tab of new Set((await this.spool.all()).map((entry) => entry.tab))) {
      if (tab === this.tabs.id)
        await this.#adopt(tab); // from before this page was signed out
      else if (locks) this.tabs.watch(tab);
      else await this.adopt(tab); // sent twice it is still there once
    }
  }

  /** Forget what lies on the device besides the database; resolves when nothing is on its way to either any more. */
  clear() {
    return this.spool.clear();
  }

  /** Forget everything in this page; what is on the disk stays. */
  stop() {
    this.#epoch += 1;
    this.#userId = 0;
    this.#entries.clear();
    this.#confirmed.clear();
    this.#left.clear();
    this.#busy.clear();
    this.#backoffs.clear();
  }

  /**
   * Take over what a tab has left that is gone. Its last words may take a moment to be seen from here.
   *
   * @param {string} tab
   */
  async adopt(tab) {
    await this.#adopt(tab);
    setTimeout(() => void this.#adopt(tab), LAST_WORDS);
  }

  /** @param {string} tab */
  async #adopt(tab) {
    const epoch = this.#epoch;
    const kept = await this.spool.all();
    if (epoch !== this.#epoch) return;
    const found = kept.filter(({ tab: by, key, user_id }) => {
      return by === tab && user_id === this.#userId && !this.#entries.has(key);
    });
    found.sort((one, other) => one.n - other.n);
    const adopted = found.map((entry) => ({ ...entry, tab: this.tabs.id, n: ++this.#n }));
    for (const entry of adopted) {
      this.#left.add(entry.key);
      this.#keep(entry);
    }
    await Promise.all(adopted.map((entry) => this.spool.put(entry)));
    this.pump();
  }

  /**
   * Everything of a room, the oldest first.
   *
   * @param {RoomId} roomId
   * @returns {Pending[]}
   */
  of(roomId) {
    return [...this.#entries.values()].filter((entry) => entry.room_id === roomId);
  }

  /** The rooms of which there is something. */
  rooms() {
    return [...new Set([...this.#entries.values()].map((entry) => entry.room_id))];
  }

  /** How many things of this user wait on this device, in all tabs. */
  async count() {
    const kept = (await this.spool.all()).filter(({ user_id }) => user_id === this.#userId);
    const keys = new Set([...kept.map(({ key }) => key), ...this.#entries.keys()]);
    return [...keys].filter((key) => !this.#confirmed.has(key)).length;
  }

  /**
   * @param {RoomId} roomId
   * @param {Pick<Pending, 'kind' | 'text' | 'target' | 'reply_to'>} said
   */
  async add(roomId, said) {
    /** @type {Entry} */
    const entry = {
      ...said,
      key: newId(),
      user_id: this.#userId,
      room_id: roomId,
      at: new Date().toISOString(),
      state: "waiting",
      tab: this.tabs.id,
      n: ++this.#n,
    };
    this.#keep(entry);
    await this.spool.put(entry);
    this.pump();
  }

  /**
   * Try again what was refused, behind everything else of the room.
   *
   * @param {string} key
   */
  async retry(key) {
    const entry = this.#entries.get(key);
    if (entry?.state !== "failed") return;
    this.#entries.delete(key);
    const { problem: _, ended: __, ...again } = entry;
    this.#keep({ ...again, state: "waiting", n: ++this.#n });
    await this.spool.put(this.#entries.get(key) ?? entry);
    this.pump();
  }

  /**
   * Take back what never left, or was refused; false when it may be in the room already.
   *
   * @param {string} key
   */
  cancel(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined || (entry.state !== "failed" && this.#left.has(key))) return false;
    this.#remove(entry);
    this.pump();
    return true;
  }

  /**
   * A room is shown up to `position`; `events` are those that came with it, none when they were not seen one by one.
   *
   * @param {RoomId} roomId
   * @param {readonly RoomEvent[]} events
   * @param {Seq} position
   */
  reached(roomId, events, position) {
    for (const event of events) {
      const entry = event.user_id === this.#userId ? this.#entries.get(event.client_id ?? "") : undefined;
      if (entry?.room_id === roomId) this.#remove(entry);
    }
    for (const entry of this.of(roomId)) {
      const seq = this.#confirmed.get(entry.key);
      if (seq !== undefined && seq <= position) this.#remove(/** @type {Entry} */ (entry));
    }
  }

  /**
   * The log of a room is not the one that was: a message that it had confirmed is sent again, lest it is not there.
   *
   * @param {RoomId} roomId
   */
  doubt(roomId) {
    for (const { key, kind } of this.of(roomId)) {
      if (!this.#confirmed.delete(key)) continue;
      if (kind === "send") this.#mark(key, { state: "waiting" });
      else this.#remove(/** @type {Entry} */ (this.#entries.get(key)));
    }
    this.pump();
  }

  /**
   * One is not in this room any more: nothing of it can be sent. What was written stays until it is cancelled; what is
   * under way will be refused.
   *
   * @param {RoomId} roomId
   */
  ended(roomId) {
    for (const { key, kind, state, problem } of this.of(roomId)) {
      const entry = /** @type {Entry} */ (this.#entries.get(key));
      if (this.#confirmed.has(key) || (kind === "delete" && state !== "sending")) this.#remove(entry);
      else if (state !== "sending") {
        this.#mark(key, { state: "failed", ended: true, problem: problem ?? new Problem("forbidden").words });
        void this.spool.put(/** @type {Entry} */ (this.#entries.get(key)));
      }
    }
  }

  /** Send what can be sent: of each room the first that waits. */
  pump() {
    if (!this.line.isOpen) return;
    /** @type {Set<RoomId>} */
    const seen = new Set(this.#busy);
    for (const entry of [...this.#entries.values()]) {
      if (entry.state === "failed" || this.#confirmed.has(entry.key) || seen.has(entry.room_id)) continue;
      seen.add(entry.room_id);
      if (!this.spool.isWriting(entry.key)) void this.#send(entry);
    }
  }

  /** @param {Entry} entry */
  async #send(entry) {
    const { key, room_id: roomId } = entry;
    const epoch = this.#epoch;
    this.#busy.add(roomId);
    this.#left.add(key);
    this.#mark(key, { state: "sending" });
    let pause = 0;
    try {
      const ack = await this.line.request(frameOf(entry));
      if (epoch !== this.#epoch) return;
      this.#backoffs.delete(roomId);
      this.#acknowledged(key, ack);
      if (entry.kind !== "send") await this.spool.drop(key); // repeated by another tab it would undo the next change
      if (epoch !== this.#epoch) return;
    } catch (error) {
      if (epoch !== this.#epoch) return;
      const problem = problemOf(error);
      if (!isRefusal(problem)) pause = this.#later(key, problem);
      else this.#failed(key, problem);
    }
    // Everything of the room waits with it, or a newer message would overtake it.
    if (pause > 0 && this.line.isOpen) await new Promise((resolve) => setTimeout(resolve, pause));
    if (epoch !== this.#epoch) return;
    this.#busy.delete(roomId);
    this.pump();
  }

  /**
   * @param {string} key
   * @param {Ack} ack
   */
  #acknowledged(key, ack) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return; // its event came before
    const position = this.listener.position(entry.room_id);
    // An ack without a seq: nothing had to happen.
    if (ack.seq === undefined || position === null || ack.seq <= position) this.#remove(entry);
    else this.#confirmed.set(key, ack.seq);
  }

  /**
   * It may work later.
   *
   * @param {string} key
   * @param {Problem} problem
   */
  #later(key, problem) {
    this.#mark(key, { state: "waiting" });
    const roomId = this.#entries.get(key)?.room_id ?? 0;
    const backoff = this.#backoffs.get(roomId) ?? new Backoff();
    this.#backoffs.set(roomId, backoff);
    return Math.max(problem.retryAfter ?? 0, backoff.next());
  }

  /**
   * @param {string} key
   * @param {Problem} problem
   */
  #failed(key, problem) {
    this.#mark(key, { state: "failed", problem: problem.words });
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    void this.spool.put(entry);
    this.listener.failed(entry);
  }

  /** @param {Entry} entry */
  #keep(entry) {
    this.#entries.set(entry.key, entry);
    this.listener.changed(entry.room_id);
  }

  /**
   * @param {string} key
   * @param {Partial<Entry>} change
   */
  #mark(key, change) {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#keep({ ...entry, ...change });
  }

  /** @param {Entry} entry */
  #remove(entry) {
    this.#entries.delete(entry.key);
    this.#confirmed.delete(entry.key);
    this.#left.delete(entry.key);
    void this.spool.drop(entry.key);
    this.listener.changed(entry.room_id);
  }
}

/**
 * Would the same be refused again? An ended token is renewed, and `forbidden` stays.
 *
 * @param {Problem} problem
 */
function isRefusal(problem) {
  return !problem.retryable && problem.code !== "token_expired" && problem.code !== "unauthenticated";
}

/** @param {Entry} entry */
function frameOf({ kind, room_id, key, text, target, reply_to }) {
  if (kind === "send") return { type: "send", room_id, client_id: key, text, reply_to };
  return kind === "edit" ? { type: "edit", room_id, target, text } : { type: "delete", room_id, target };
}

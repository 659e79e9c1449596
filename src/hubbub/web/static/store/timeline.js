/**
 * What is shown of a room: a contiguous window of its messages, moved as the reader moves, and kept as the log says.
 *
 * @import {Gone, Message, RoomEvent, RoomId, RoomState, Seq, Timeline as Page, TimelineStatus, Words} from "../core/types.d.ts"
 * @import {Held} from "./held.js"
 * @import {Query} from "./history.js"
 */

import { batch, computed, signal } from "@preact/signals-core";

import { apply, newRoom } from "../core/fold.js";
import { Problem, problemOf } from "../core/problems.js";
import { edges, join, prune } from "../core/window.js";
import { announceMessages, toast } from "./announce.js";
import { keepLater, recalled } from "./cache.js";
import { isFirst, isShort, loadPage } from "./history.js";
import * as live from "./live.js";
import { nameOf } from "./people.js";
import { Position } from "./position.js";
import { markRead, roomView } from "./rooms.js";
import { isMine, Rows } from "./rows.js";
import { current } from "./screen.js";
import { heldRoom } from "./sync.js";

const FIRST = 60; // messages that are loaded when a room is opened
const MORE = 100; // messages that are loaded while one scrolls
const AROUND = 120; // messages that are loaded around one of them
const NEAR = 60; // rows from an edge of the window at which more is loaded
const KEPT = 400; // rows that are kept beyond the screen, each way
const MANY = 700; // rows at which it is worth to forget some
const RESTING = 60; // rows that a room keeps which is not open
const STEP = 10; // new rows in one step
const BEHIND = 48; // new rows beyond which the end is shown at once
const RETRY = 5000; // milliseconds
const PAUSE = 2000; // milliseconds that a page counts as being loaded which could not be had

export class Timeline {
  #drawn = new Rows();
  rows = this.#drawn.rows;
  pending = this.#drawn.pending;
  status = signal(/** @type {TimelineStatus} */ ("loading"));
  problem = signal(/** @type {Words | null} */ (null));
  gone = signal(/** @type {Gone | null} */ (null));
  atStart = signal(false);
  atEnd = signal(false);
  loadingOlder = signal(false);
  loadingNewer = signal(false);
  #position = new Position();
  anchor = this.#position.anchor;
  newFrom = this.#position.newFrom;
  newCount = computed(() => roomView(this.roomId).value?.unread ?? 0);
  #state;
  #loads = 0; // counts what is loaded from scratch, so that an earlier answer is passed over

  /** @param {RoomId} roomId */
  constructor(roomId) {
    this.roomId = roomId;
    this.#state = newRoom(roomId);
    this.#state.tail = false;
  }

  /** What is on the screen, for tests and for what this device keeps. @returns {Readonly<RoomState>} */
  get state() {
    return this.#state;
  }

  // What the user does

  /**
   * The screen shows these rows.
   *
   * @param {Seq} first
   * @param {Seq} last
   * @param {boolean} atBottom
   */
  view(first, last, atBottom) {
    this.#position.see(first, last, atBottom);
    this.markSeen();
    if (this.#state.messages.size > MANY) this.#forget();
    const seqs = this.rows.value;
    const above = seqs.findIndex(({ seq }) => seq >= first);
    const below = seqs.length - 1 - seqs.findLastIndex(({ seq }) => seq <= last);
    if (above < NEAR) void this.loadOlder();
    if (below < NEAR) void this.loadNewer();
  }

  /** What is on the screen is read, if somebody can see it. */
  markSeen() {
    const { last } = this.#position;
    if (current.value === this.roomId && last > 0 && document.visibilityState === "visible") {
      markRead(this.roomId, last, this.#passed(last));
    }
  }

  /**
   * How many unread messages are there up to this one? Null when not all of them are here.
   *
   * @param {Seq} seq
   */
  #passed(seq) {
    const { read_seq = 0 } = roomView(this.roomId).value ?? {};
    const [first = Infinity] = edges(this.#state);
    if (!this.atStart.value && first > read_seq) return null;
    return [...this.#state.messages.values()].filter(
      (message) => message.seq > read_seq && message.seq <= seq && !isMine(message) && message.deleted_at === undefined,
    ).length;
  }

  async loadOlder() {
    const before = edges(this.#state)[0];
    if (this.loadingOlder.value || this.atStart.value || before === undefined) return;
    this.loadingOlder.value = true;
    await this.#extend({ before, limit: MORE }, (messages, page) => {
      if (edges(this.#state)[0] !== before) return; // it would not meet the window any more
      if (isShort(page, MORE)) this.atStart.value = true;
      join(this.#state, messages);
    });
    this.loadingOlder.value = false;
  }

  async loadNewer() {
    const after = edges(this.#state)[1];
    if (this.loadingNewer.value || this.#state.tail || after === undefined) return;
    this.loadingNewer.value = true;
    await this.#extend({ after, limit: MORE }, (messages, page) => {
      if (edges(this.#state)[1] !== after) return;
      join(this.#state, messages);
      this.#state.tail = isShort(page, MORE);
    });
    this.loadingNewer.value = false;
  }

  async jumpToLatest() {
    if (this.#state.tail || (await this.#begin({ limit: FIRST }, true))) this.#position.goTo("end", 0);
    else this.#complain();
  }

  /** @param {Seq} seq */
  async jumpTo(seq) {
    const { messages } = this.#state;
    if (!messages.has(seq) && !(await this.#begin({ around: seq, limit: AROUND }, false, seq))) this.#complain();
    else if (this.#state.messages.has(seq)) this.#position.goTo("row", seq);
  }

  async reload() {
    this.status.value = "loading";
    await this.#open();
  }

  /** For drafts: what a message says now. @param {Seq} seq */
  message(seq) {
    return this.#state.messages.get(seq);
  }

  /** The user has spoken: what was new is known. */
  spoke() {
    this.newFrom.value = null;
    void this.jumpToLatest();
  }

  // What the rooms tell

  /** The room is on the screen. Until it is known how far it was read nothing is loaded; then `restart` comes. */
  opened() {
    const room = roomView(this.roomId).value;
    if (room === undefined) return;
    this.#position.begin(room.unread > 0 ? room.read_seq : null);
    if (this.#state.messages.size > 0 && this.#holds(room.read_seq)) this.#position.goToStart(this.rows.value);
    else void this.#open();
  }

  /** Another room is on the screen: keep the end, if it is here. */
  left() {
    this.newFrom.value = null;
    if (!this.#state.tail) this.#empty();
    else if (this.#state.messages.size > RESTING) this.#trim();
    this.show();
  }

  /**
   * Take the next events of the room, as many as the screen can follow.
   *
   * @param {Held} room
   * @param {boolean} all
   */
  take(room, all) {
    let events = room.log?.between(room.shown) ?? [];
    const posts = events.filter(({ kind }) => kind === "message.posted");
    const isOpen = current.value === this.roomId;
    if (this.#state.tail && isOpen && !all && posts.length > STEP && posts.length <= BEHIND) {
      events = events.slice(0, events.indexOf(/** @type {RoomEvent} */ (posts[STEP - 1])) + 1);
    }
    for (const event of this.#state.tail && posts.length > BEHIND ? this.#skip(events, posts) : events) {
      apply(this.#state, event);
    }
    if (!isOpen && this.#state.messages.size > 2 * RESTING) this.#trim();
    if (isOpen) this.#tell(events);
    this.show();
    return events;
  }

  /** What is shown is too old to be continued. */
  async restart() {
    this.#state.tail = this.atEnd.value = false;
    this.gone.value = null;
    if (current.value !== this.roomId) this.#empty();
    else if (this.#state.messages.size === 0) this.opened();
    else {
      const [query, latest] = this.#position.atBottom
        ? [{ limit: FIRST }, true]
        : [{ around: this.#position.first, limit: AROUND }, false];
      if (!(await this.#begin(query, latest))) this.#later("stale");
    }
  }

  /** @param {Gone} reason */
  end(reason) {
    if (this.gone.value !== null) return;
    this.#loads += 1;
    this.#empty();
    this.gone.value = reason;
    this.status.value = "gone";
    this.show();
  }

  /** The connection is there: what could not be loaded may be loaded now. */
  again() {
    if (this.status.value === "stale" && this.#state.tail) this.status.value = "ready";
    else if (this.status.value === "failed" || this.status.value === "stale") void this.restart();
  }

  // How it is done

  /** Load what a reader wants to see first: the first new message, or the end. */
  async #open() {
    const { unread = 0, read_seq = 0 } = roomView(this.roomId).value ?? {};
    if (this.#state.messages.size === 0 && !live.line.isOpen) await this.#recall();
    const loads = this.#loads;
    let done = unread < FIRST && (await this.#begin({ limit: FIRST }, true));
    if (unread >= FIRST || (done && unread > 0 && this.#loads === loads + 1 && !this.#holds(read_seq))) {
      done = await this.#begin({ around: read_seq, limit: AROUND }, false);
    }
    if (done) this.#position.goToStart(this.rows.value);
    else this.#later(this.#state.messages.size > 0 ? "stale" : "failed");
  }

  /** Show what this device has kept, until there is a connection. */
  async #recall() {
    const loads = ++this.#loads;
    const kept = await recalled(this.roomId);
    const room = heldRoom(this.roomId);
    if (kept === undefined || loads !== this.#loads || this.#state.messages.size > 0) return;
    if (room !== undefined && room.log === null) {
      room.begin(kept.head);
      room.epoch = kept.epoch;
    } else if (room?.log && room.log.base > kept.head) return;
    this.#state.head = kept.head;
    join(this.#state, kept.messages);
    for (const event of room?.log?.between(kept.head, room.shown) ?? []) apply(this.#state, event);
    this.status.value = "stale";
    this.#state.tail = true;
    this.show();
    this.#position.goToStart(this.rows.value);
  }

  /**
   * Begin the window anew with this page; false when it could not be had, and `problem` says why. An answer that came
   * too late to matter is a good one.
   *
   * @param {Query} query
   * @param {boolean} latest does the page reach the end?
   * @param {Seq} [wanted] the message without which nothing changes: one may not read it, or it is not there
   */
  async #begin(query, latest, wanted) {
    const loads = ++this.#loads;
    try {
      const { messages, page } = await loadPage(this.roomId, query, latest);
      if (loads !== this.#loads) return true;
      if (wanted !== undefined && !messages.some(({ seq }) => seq === wanted)) throw new Problem("not_found");
      this.#state.messages = new Map();
      this.#state.head = heldRoom(this.roomId)?.shown ?? page.head;
      join(this.#state, messages);
      const { around } = query;
      // Around a message are older ones as well, if there are any.
      this.atStart.value = around === undefined ? isShort(page, query.limit) : isFirst(page, around);
      this.#state.tail = latest;
      this.status.value = "ready";
      this.problem.value = null;
    } catch (error) {
      if (loads !== this.#loads) return true;
      this.problem.value = problemOf(error).words;
    }
    this.show();
    return this.problem.value === null;
  }

  /**
   * What is shown can't be brought up to date now: the next connection tries again, or else time does.
   *
   * @param {'stale' | 'failed'} status
   */
  #later(status) {
    this.status.value = status;
    setTimeout(() => live.line.isOpen && current.value === this.roomId && this.again(), RETRY);
  }

  /** What was asked for can't be shown, and what is shown stays. */
  #complain() {
    if (this.problem.value !== null) toast(this.problem.value, "bad");
  }

  /**
   * Load more of the window.
   *
   * @param {Query} query
   * @param {(messages: Message[], page: Page) => void} use
   */
  async #extend(query, use) {
    try {
      const { messages, page } = await loadPage(this.roomId, query, false);
      use(messages, page);
      this.problem.value = null;
    } catch (error) {
      this.problem.value = problemOf(error).words;
      await new Promise((resolve) => setTimeout(resolve, PAUSE)); // then the next movement tries again
    }
    this.show();
  }

  /**
   * Too many came at once: the end is a new beginning. Who reads further up is left in peace.
   *
   * @param {RoomEvent[]} events
   * @param {RoomEvent[]} posts those of them that are messages
   * @returns {RoomEvent[]} those that matter to what is left
   */
  #skip(events, posts) {
    this.#loads += 1;
    if (!this.#position.atBottom && current.value === this.roomId) {
      this.#state.tail = false;
      return events;
    }
    this.#state.messages = new Map();
    this.atStart.value = false;
    return events.slice(events.indexOf(/** @type {RoomEvent} */ (posts.at(-BEHIND))));
  }

  /** Forget what is far from the screen. */
  #forget() {
    if (prune(this.#state, this.#position.first, this.#position.last, KEPT)) this.atStart.value = false;
    this.show();
  }

  #trim() {
    const last = edges(this.#state)[1] ?? 0;
    if (prune(this.#state, last, last, RESTING)) this.atStart.value = false;
  }

  #empty() {
    this.#loads += 1;
    this.#state.messages = new Map();
    this.#state.tail = false;
    this.atStart.value = false;
    this.status.value = "loading";
    this.show();
  }

  /** What this device keeps of the room; null = nothing that could be continued. */
  #kept() {
    const room = heldRoom(this.roomId);
    if (room === undefined || !this.#state.tail || this.status.value === "stale") return null;
    const messages = [...this.#state.messages.values()].slice(-RESTING);
    return { id: this.roomId, epoch: room.epoch, head: room.shown, messages, used_at: Date.now() };
  }

  /** Are all messages after `seq` in the window? @param {Seq} seq */
  #holds(seq) {
    const [first = Infinity] = this.#state.messages.keys();
    return this.#state.tail && (this.atStart.value || first <= seq);
  }

  /** @param {readonly RoomEvent[]} events */
  #tell(events) {
    const others = events.filter(({ kind, user_id }) => kind === "message.posted" && user_id !== live.tokens.user?.id);
    const last = others.at(-1);
    if (last?.message === undefined) return;
    const { read_seq = 0, name = "" } = roomView(this.roomId).value ?? {};
    if (document.visibilityState === "hidden" && (this.newFrom.value ?? 0) < read_seq) this.newFrom.value = read_seq;
    announceMessages({ count: others.length, name: nameOf(last.user_id), room: name, text: last.message.text });
  }

  /** Bring the signals up to what is known: what waits for this room, or what is shown of it, has changed. */
  show() {
    batch(() => {
      const changed = this.#drawn.show(this.#state.messages.values(), live.outbox.of(this.roomId));
      if (changed && this.#state.tail) keepLater(this.roomId, () => this.#kept());
      this.atEnd.value = this.#state.tail;
    });
  }
}

/**
 * One room as this page holds it: its line in the sidebar, and the last events of its log. Arithmetic without I/O.
 *
 * Three positions, each a seq: `log.head` is what the connection has handed over, `shown` what has been put on the
 * screen (some events later, in steps), `counted` what the server's last summary of the room has in it already.
 *
 * @import {Message, RoomEvent, RoomSummary, RoomView, Seq, UserId} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { displayName } from "../core/format.js";
import { Log } from "../core/log.js";

export class Held {
  /** @type {Log | null} null: nothing is known but the summary, perhaps from an earlier day */
  log = null;
  /** @type {string | null} of the log */
  epoch = null;
  shown = 0;
  counted = 0;
  /** The last `hello` that this room was in. */
  mentioned = 0;
  /** Does `unread` have to be asked for again, because it can't be known from here? */
  unsure = false;

  /**
   * @param {RoomSummary} summary
   * @param {UserId} userId whose unread messages are counted
   */
  constructor(summary, userId) {
    this.id = summary.id;
    this.userId = userId;
    this.counted = summary.head;
    this.view = signal(viewOf(summary, false));
  }

  /**
   * Begin the log after `base`: nothing before is known one by one.
   *
   * @param {Seq} base
   */
  begin(base) {
    this.log = new Log(base);
    this.shown = base;
  }

  /**
   * The server tells how the room is, as of `summary.head`. Events after it, that are shown already, count on top.
   *
   * @param {RoomSummary} summary
   */
  describe(summary) {
    const before = this.view.value;
    this.counted = summary.head;
    this.unsure = false;
    this.view.value = viewOf(summary, before.draft);
    if (this.log !== null && this.shown > summary.head) {
      const since = this.log.between(summary.head, this.shown);
      if (since === null) this.unsure = true;
      else this.take(since);
    }
    this.read(before.read_seq);
  }

  /** The server was restored: the mark is of another log. */
  forget() {
    this.view.value = { ...this.view.value, read_seq: 0, unread: 0 };
  }

  /**
   * Put events on the line in the sidebar.
   *
   * @param {readonly RoomEvent[]} events the next ones
   */
  take(events) {
    const view = { ...this.view.value };
    for (const event of events) {
      view.head = Math.max(view.head, event.seq);
      if (event.seq <= this.counted) continue;
      view.last_at = event.at;
      this.#take(view, event);
    }
    this.view.value = view;
  }

  /**
   * The user has read everything up to `seq`. True when the mark moved; it never goes back.
   *
   * @param {Seq} seq
   * @param {number | null} [passed] how many unread messages that makes less, if it is known
   */
  read(seq, passed = null) {
    const view = this.view.value;
    if (seq <= view.read_seq) return false;
    this.view.value = { ...view, read_seq: seq, unread: this.#unreadAfter(seq, passed) };
    return true;
  }

  /** The seq of the last message that is shown, as far as it is known. */
  get lastPost() {
    return this.view.value.last_message?.seq ?? 0;
  }

  /**
   * @param {RoomView} view
   * @param {RoomEvent} event
   */
  #take(view, event) {
    switch (event.kind) {
      case "message.posted":
        if (event.message === undefined) break;
        view.last_message = event.message;
        delete view.last_author; // its name is known elsewhere
        if (this.#counts(event.message, view.read_seq)) view.unread += 1;
        break;
      case "message.edited":
        view.last_message = revised(view.last_message, event, { text: event.text ?? "", edited_at: event.at });
        break;
      case "message.deleted":
        view.last_message = revised(view.last_message, event, { text: "", deleted_at: event.at });
        if ((event.target ?? 0) > view.read_seq) this.#uncount(view, event);
        break;
      case "room.changed":
      case "room.created":
        if (view.kind !== "direct") view.name = event.name ?? "";
        view.topic = event.topic ?? "";
        break;
      case "member.joined":
      case "member.role_changed":
        if (event.member_id === this.userId && event.role !== undefined) view.role = event.role;
        break;
    }
  }

  /**
   * A message was deleted that may have been counted as unread.
   *
   * @param {RoomView} view
   * @param {RoomEvent} event
   */
  #uncount(view, event) {
    const target = event.target ?? 0;
    const [posted] = this.log?.between(target - 1, target) ?? [];
    if (posted?.message === undefined) {
      this.unsure = true;
      return;
    }
    // In a replay it came deleted, and was not counted; what the summary has counted was there at the time.
    const counted = target <= this.counted || posted.message.deleted_at === undefined;
    if (counted && posted.user_id !== this.userId) view.unread = Math.max(0, view.unread - 1);
  }

  /**
   * @param {Seq} seq
   * @param {number | null} passed
   */
  #unreadAfter(seq, passed) {
    if (seq >= this.lastPost) return 0;
    const events = this.log?.between(seq, this.shown) ?? null;
    if (events === null) {
      if (passed === null) this.unsure = true;
      return Math.max(0, this.view.value.unread - (passed ?? 0));
    }
    const deleted = new Set(events.filter(({ kind }) => kind === "message.deleted").map(({ target }) => target));
    return events.filter(({ message }) => message && !deleted.has(message.seq) && this.#counts(message, seq)).length;
  }

  /**
   * @param {Message} message
   * @param {Seq} readSeq
   */
  #counts(message, readSeq) {
    return message.seq > readSeq && message.user_id !== this.userId && message.deleted_at === undefined;
  }
}

/**
 * @param {RoomSummary} summary
 * @param {boolean} draft
 * @returns {RoomView}
 */
function viewOf(summary, draft) {
  const { base: _, peer, ...rest } = summary;
  return { ...rest, ...(peer && { peer }), name: summary.kind === "direct" ? displayName(peer) : summary.name, draft };
}

/**
 * @param {Message | undefined} message
 * @param {RoomEvent} event
 * @param {Partial<Message>} change
 */
function revised(message, event, change) {
  return message !== undefined && message.seq === event.target ? { ...message, ...change } : message;
}

/**
 * The last events of a room, without a hole: what a page of history, which is always older than they are, has to be
 * brought up to date with.
 *
 * @import {RoomEvent, Seq} from "./types.d.ts"
 */

const KEPT = 512; // events

export class Log {
  /** @type {RoomEvent[]} */
  #events = [];

  /** @param {Seq} base the last seq before the first event that will be here */
  constructor(base) {
    this.base = base;
  }

  /** The last seq that is here, or `base`. */
  get head() {
    return this.base + this.#events.length;
  }

  /** @param {RoomEvent} event the next one, and no other */
  add(event) {
    if (event.seq !== this.head + 1) throw new Error(`event ${event.seq} does not follow ${this.head}`);
    this.#events.push(event);
    if (this.#events.length > KEPT) this.#forget(KEPT / 4);
  }

  /**
   * All events from `after` (exclusive) to `upto` (inclusive), or null when not all of them are here.
   *
   * @param {Seq} after
   * @param {Seq} [upto]
   */
  between(after, upto = this.head) {
    if (after >= upto) return [];
    if (after < this.base || upto > this.head) return null;
    return this.#events.slice(after - this.base, upto - this.base);
  }

  /** @returns {readonly RoomEvent[]} */
  get events() {
    return this.#events;
  }

  /** @param {number} count */
  #forget(count) {
    this.#events.splice(0, count);
    this.base += count;
  }
}

/**
 * What this page asks on an open socket: catching up first, then everything else in the order in which it came, within
 * the limits that the server gave in `hello`. Each is answered by its `ref`.
 *
 * @import {Ack, ErrorFrame, Events, Hello, Joined} from "../core/types.d.ts"
 * @import {Catchup} from "./catchup.js"
 * @typedef {{frame: Record<string, unknown>, resolve: (ack: Ack) => void, reject: (problem: Problem) => void}} Request
 */

import { Problem, UNREACHABLE } from "../core/problems.js";
import { Bucket } from "./bucket.js";

const ANSWER_TIMEOUT = 30_000; // milliseconds until a frame must be answered

export class Requests {
  #bucket = new Bucket(0, 1);
  #window = 0; // frames that may be unanswered
  #bytes = 0; // of a frame
  #ref = 0;
  /** @type {Request[]} */
  #queue = [];
  /** @type {Map<number, {request: Request | null, at: number}>} by ref, the oldest first; null = the catch-up's own */
  #unanswered = new Map();

  /** @param {Catchup} catchup */
  constructor(catchup) {
    this.catchup = catchup;
  }

  /**
   * A new connection.
   *
   * @param {Hello['limits']} limits
   */
  begin({ frame, inflight, frame_rate = 50, frame_burst = 200 }) {
    // Half of the server's burst: what the network delays and delivers at once must fit into the other half.
    this.#bucket = new Bucket(frame_rate / 1000, Math.max(1, Math.floor(frame_burst / 2)));
    this.#window = Math.max(1, inflight - (inflight >> 3)); // the rest is for what is sent without being counted here
    this.#bytes = frame;
  }

  /**
   * @param {Record<string, unknown>} frame
   * @returns {Promise<Ack>}
   */
  add(frame) {
    return new Promise((resolve, reject) => this.#queue.push({ frame, resolve, reject }));
  }

  /** The connection is gone: nobody will answer. */
  fail() {
    const asked = [...this.#unanswered.values()].map(({ request }) => request);
    const requests = [...asked, ...this.#queue];
    this.#unanswered.clear();
    this.#queue = [];
    for (const request of requests) request?.reject(new Problem(UNREACHABLE));
  }

  /**
   * The next frame to send now, or null.
   *
   * @param {number} now
   * @returns {string | null}
   */
  next(now) {
    while (this.#unanswered.size < this.#window && this.#due() <= now && this.#bucket.take(now)) {
      const ref = ++this.#ref;
      const join = this.catchup.nextRequest(now, ref);
      const request = join === null ? (this.#queue.shift() ?? null) : null;
      const text = JSON.stringify(join ?? { ...request?.frame, ref });
      if (request === null || this.#fits(text)) {
        this.#unanswered.set(ref, { request, at: now });
        return text;
      }
      request.reject(new Problem("too_large", { field: "text" }));
    }
    return null;
  }

  /** When `next` may have something, if nothing else happens. */
  get readyAt() {
    return this.#unanswered.size < this.#window ? Math.max(this.#due(), this.#bucket.readyAt) : Infinity;
  }

  /** By when the oldest must be answered. */
  get lateAt() {
    const [oldest] = this.#unanswered.values();
    return oldest === undefined ? Infinity : oldest.at + ANSWER_TIMEOUT;
  }

  /**
   * @param {Ack} frame
   * @param {number} now
   */
  acknowledged(frame, now) {
    if (frame.ref === undefined) return;
    const asked = this.#unanswered.get(frame.ref);
    this.#unanswered.delete(frame.ref);
    if (asked?.request === null) this.catchup.answered(frame.ref, now);
    asked?.request?.resolve(frame);
  }

  /**
   * @param {ErrorFrame} frame
   * @param {number} now
   */
  refused({ ref, room_id, code, message, retry_after_ms, details }, now) {
    if (ref === undefined) return;
    const problem = new Problem(code, { detail: message, field: details?.field, retryAfter: retry_after_ms });
    const asked = this.#unanswered.get(ref);
    if (asked?.request === null) {
      this.catchup.refused(ref, room_id, problem, now);
      if (room_id !== undefined) return; // one room of a sync; its ack is still to come
    }
    this.#unanswered.delete(ref);
    asked?.request?.reject(problem);
  }

  /**
   * @param {Joined | Events} frame
   * @param {number} now
   */
  caughtUp(frame, now) {
    const asked = this.#unanswered.get(frame.ref ?? 0);
    if (asked !== undefined && frame.ref !== undefined) {
      this.#unanswered.delete(frame.ref); // a part of the answer came: the rest may take its time again
      this.#unanswered.set(frame.ref, { ...asked, at: now });
    }
    const answered = frame.type === "joined" ? this.catchup.joined(frame, now) : this.catchup.events(frame, now);
    if (answered !== null) this.#unanswered.delete(answered);
  }

  /** When there is something to ask for. */
  #due() {
    return this.#queue.length > 0 ? 0 : this.catchup.due();
  }

  /** @param {string} text */
  #fits(text) {
    return text.length * 3 <= this.#bytes || new TextEncoder().encode(text).length <= this.#bytes;
  }
}

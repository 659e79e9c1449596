/**
 * What is said on a socket, whichever it is: catching up, what is asked, and what holds until it is said otherwise. No
 * I/O and no clock: the connection sends what comes out of here, and says what time it is.
 *
 * @import {Ack, Hello, RoomId, Seq, ServerFrame, Signal} from "../core/types.d.ts"
 * @import {Receiver} from "./catchup.js"
 * @typedef {Receiver & {signalled(signal: Signal): void}} Listener
 * @typedef {Record<string, unknown>} Frame
 */

import { Catchup } from "./catchup.js";
import { Requests } from "./requests.js";

export class Protocol {
  #catchup;
  #requests;
  /** @type {Frame} what was said of presence, repeated on the next connection */
  #presence = {};

  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    this.#catchup = new Catchup(listener);
    this.#requests = new Requests(this.#catchup);
  }

  // What the page wants

  /**
   * @param {RoomId} roomId
   * @param {Seq} after
   * @param {string | null} epoch
   */
  follow(roomId, after, epoch) {
    this.#catchup.follow(roomId, after, epoch);
  }

  /**
   * @param {RoomId} roomId
   * @returns {Frame | null} to be sent, if there is a connection
   */
  unfollow(roomId) {
    return this.#catchup.unfollow(roomId) ? { type: "leave", room_id: roomId } : null;
  }

  /** @param {RoomId} roomId */
  position(roomId) {
    return this.#catchup.position(roomId);
  }

  /** @param {RoomId} roomId */
  isLive(roomId) {
    return this.#catchup.isLive(roomId);
  }

  /**
   * @param {Frame} frame
   * @returns {Promise<Ack>}
   */
  request(frame) {
    return this.#requests.add(frame);
  }

  /**
   * @param {{status?: 'online' | 'away', watch?: number[]}} said
   * @returns {Frame} to be sent, if there is a connection
   */
  presence(said) {
    Object.assign(this.#presence, said);
    return { type: "presence", ...said };
  }

  // The life of sockets

  /** @param {Hello} hello */
  welcome(hello) {
    this.#requests.begin(hello.limits);
  }

  /** What holds, to be said again on a new socket. @returns {Frame | null} */
  standing() {
    return Object.keys(this.#presence).length > 0 ? { type: "presence", ...this.#presence } : null;
  }

  /** The socket is gone: nobody will answer. */
  lost() {
    this.#requests.fail();
    this.#catchup.lost();
  }

  /** Keep nothing. */
  clear() {
    this.#requests.fail();
    this.#catchup.clear();
    this.#presence = {};
  }

  // Frames

  /** The next frame to send now, or null. @param {number} now */
  next(now) {
    return this.#requests.next(now);
  }

  /** When `next` may have something, if nothing else happens. */
  get readyAt() {
    return this.#requests.readyAt;
  }

  /** By when the oldest request must be answered. */
  get lateAt() {
    return this.#requests.lateAt;
  }

  /**
   * Any frame but `hello` and `bye`, which are about the socket.
   *
   * @param {ServerFrame} frame
   * @param {number} now
   * @returns {Frame | null} to be sent at once
   */
  received(frame, now) {
    switch (frame.type) {
      case "event":
        this.#catchup.event(frame, now);
        break;
      case "ack":
        this.#requests.acknowledged(frame, now);
        break;
      case "events":
      case "joined":
        this.#requests.caughtUp(frame, now);
        break;
      case "ping":
        this.#catchup.heads(frame.heads, now);
        return { type: "pong", n: frame.n };
      case "error":
        this.#requests.refused(frame, now);
        break;
      case "signal":
        this.listener.signalled(frame);
        break;
      case "behind":
        this.#catchup.behind(frame.room_id, now);
        break;
      case "reset":
        this.#catchup.reset(frame, now);
        break;
    }
    return null;
  }
}

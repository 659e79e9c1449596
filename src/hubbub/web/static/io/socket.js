/**
 * The connection of one tab to all rooms of a user (`/ws`). It outlives sockets.
 *
 *     off --start--> down --> connecting --open--> opening --hello--> open        ended: it will not come back by itself
 *                     ^                                                |
 *                     +----------- lost: back off, renew the token ----+
 *
 * Times are those of `performance.now()`: a clock that is set changes nothing. Timers of a sleeping page are late, so
 * each looks at the time again, and `check` is called when the page wakes up.
 *
 * @import {Ack, Bye, Connection as View, Hello, RoomId, Seq, ServerFrame} from "../core/types.d.ts"
 * @import {Frame, Listener as Hearer} from "./protocol.js"
 * @import {Tokens} from "./tokens.js"
 * @typedef {Hearer & {
 *   changed(view: View): void,
 *   welcomed(hello: Hello): void,
 *   signedOut(problem: Problem): void,
 * }} Listener
 * @typedef {'off' | 'down' | 'connecting' | 'opening' | 'open' | 'ended'} State
 */

import { Problem, problemOf, UNREACHABLE } from "../core/problems.js";
import { Backoff } from "./backoff.js";
import { Protocol } from "./protocol.js";

const VERSION = 1; // of the protocol
const OPEN_TIMEOUT = 15_000; // milliseconds until a socket must be open
const HELLO_TIMEOUT = 10_000; // milliseconds until an open socket must have said hello
const STABLE = 10_000; // milliseconds after which the next delays are short again
const LONG_PAUSE = 60_000; // milliseconds before trying again what was refused
const RENEW_AT = 0.8; // of a token's life
const RENEW_PAUSE = 30_000; // milliseconds after which a renewal that failed is tried again

const UNAUTHENTICATED = 4401;
/** Close codes that a person has to do something about, and what the catalogue calls them. */
const FINAL = new Map([
  [4403, "ended.origin"],
  [4404, "ended.outdated"],
  [4426, "ended.outdated"],
]);

export class Connection {
  /** @type {Hello | null} the last one */
  hello = null;
  /** @type {State} */
  #state = "off";
  /** @type {WebSocket | null} */
  #socket = null;
  #protocol;
  #backoff = new Backoff();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #attempt = 0; // counts tries, so that what an earlier one still does is passed over
  #tryAt = Infinity;
  #since = 0; // when this state began
  #heardAt = 0;
  #heardDate = 0; // the same by the clock on the wall
  #renewAt = Infinity;
  #token = "";
  #renewed = false; // since the last hello, because the server refused the token
  /** @type {Bye | null} */
  #bye = null;

  /**
   * @param {string} url of `/ws`
   * @param {Tokens} tokens
   * @param {Listener} listener
   */
  constructor(url, tokens, listener) {
    this.url = url;
    this.tokens = tokens;
    this.listener = listener;
    this.#protocol = new Protocol(listener);
  }

  // What the page wants

  /** Connect, and stay connected. */
  start() {
    this.stop();
    this.#renewed = false;
    this.#backoff.reset();
    this.#wait(0);
  }

  /** End it; nothing of it is kept. */
  stop() {
    this.#hangUp();
    this.#protocol.clear();
    this.hello = null;
    this.#enter("off", { status: "off" });
  }

  /** Do not wait for the next try. */
  retryNow() {
    if (this.#state === "down" || this.#state === "ended") this.#wait(0);
  }

  /** The page woke up, or the network came back: timers may be late, and the socket may be dead without a word. */
  check() {
    // One clock stands still in some computers that sleep, the other may be set: what is later counts.
    const silence = Math.max(performance.now() - this.#heardAt, Date.now() - this.#heardDate);
    if (this.#state === "down") {
      this.#backoff.reset();
      this.#wait(0);
    } else if (this.#state === "open" && silence > 1.2 * (this.hello?.heartbeat_ms ?? 0)) {
      this.#drop();
    } else this.#tick();
  }

  get isOpen() {
    return this.#state === "open";
  }

  /**
   * @param {RoomId} roomId
   * @param {Seq} after
   * @param {string | null} epoch
   */
  follow(roomId, after, epoch) {
    this.#protocol.follow(roomId, after, epoch);
    this.#pump();
  }

  /** @param {RoomId} roomId */
  unfollow(roomId) {
    this.tell(this.#protocol.unfollow(roomId));
  }

  /** @param {RoomId} roomId */
  position(roomId) {
    return this.#protocol.position(roomId);
  }

  /** @param {RoomId} roomId */
  isLive(roomId) {
    return this.#state === "open" && this.#protocol.isLive(roomId);
  }

  /**
   * Send a frame that is answered with an ack. Rejects with `unreachable` when the connection is lost: what was asked
   * for may have happened, or not.
   *
   * @param {Frame} frame
   * @returns {Promise<Ack>}
   */
  request(frame) {
    if (this.#state !== "open") return Promise.reject(new Problem(UNREACHABLE));
    const answer = this.#protocol.request(frame);
    this.#pump();
    return answer;
  }

  /**
   * Send what is true only now; it is dropped while there is no connection.
   *
   * @param {Frame | null} frame null: there is nothing to send
   */
  tell(frame) {
    if (frame !== null && this.#state === "open") this.#socket?.send(JSON.stringify(frame));
  }

  /**
   * A mark that is lost with the connection is missing in what `joined` says on the next one.
   *
   * @param {RoomId} roomId
   * @param {Seq} seq
   */
  markRead(roomId, seq) {
    this.tell({ type: "read", room_id: roomId, seq });
  }

  /** @param {{status?: 'online' | 'away', watch?: number[]}} said */
  presence(said) {
    this.tell(this.#protocol.presence(said));
  }

  // Its life

  /** @param {number} delay milliseconds */
  #wait(delay) {
    this.#tryAt = performance.now() + delay;
    this.#enter("down", delay === 0 ? { status: "connecting" } : { status: "waiting", retry_at: Date.now() + delay });
  }

  async #connect() {
    const attempt = ++this.#attempt;
    this.#enter("connecting", { status: "connecting" });
    let token;
    try {
      token = await this.tokens.token();
    } catch (error) {
      if (attempt === this.#attempt) this.#noToken(problemOf(error));
      return;
    }
    if (attempt !== this.#attempt) return; // stopped, or given up meanwhile
    this.#token = token;
    const socket = new WebSocket(this.url, [`hubbub.v${VERSION}`, `bearer.${token}`]);
    this.#socket = socket;
    socket.onopen = () => socket === this.#socket && this.#enter("opening");
    socket.onmessage = ({ data }) => socket === this.#socket && this.#received(data);
    socket.onclose = ({ code }) => socket === this.#socket && this.#lost(code);
  }

  /**
   * The socket is closed with this code, or could not be opened (1006).
   *
   * @param {number} code
   */
  #lost(code) {
    if (this.#state === "open" && performance.now() > this.#since + STABLE) this.#backoff.reset();
    const bye = this.#bye;
    this.#hangUp();
    this.#protocol.lost();
    if (code === UNAUTHENTICATED) this.#refused();
    else if (FINAL.has(code)) this.#end(FINAL.get(code) ?? "");
    else if (code >= 4400 && code < 4500)
      this.#wait(LONG_PAUSE); // the same again would be refused again
    else if (bye !== null) this.#wait(bye.after_ms[0] + (bye.after_ms[1] - bye.after_ms[0]) * Math.random());
    else this.#wait(this.#backoff.next());
  }

  /** The server does not take the token: once there may be a better one. */
  async #refused() {
    if (this.#renewed) {
      this.listener.signedOut(new Problem("unauthenticated"));
      return;
    }
    this.#renewed = true;
    const attempt = ++this.#attempt;
    this.#enter("connecting", { status: "connecting" });
    try {
      await this.tokens.renew(this.#token);
    } catch (error) {
      this.#renewed = false;
      if (attempt === this.#attempt) this.#noToken(problemOf(error));
      return;
    }
    if (attempt === this.#attempt) this.#wait(0);
  }

  /** @param {Problem} problem */
  #noToken(problem) {
    if (problem.retryable) this.#wait(Math.max(problem.retryAfter ?? 0, this.#backoff.next()));
    else this.listener.signedOut(problem);
  }

  /** @param {string} key */
  #end(key) {
    this.#enter("ended", { status: "ended", code: key });
  }

  /** Nothing came for too long. */
  #drop() {
    this.#lost(1006);
  }

  #hangUp() {
    const socket = this.#socket;
    this.#socket = null;
    this.#attempt += 1;
    this.#bye = null;
    this.#renewAt = Infinity;
    socket?.close(1000);
  }

  /**
   * @param {State} state
   * @param {View} [view]
   */
  #enter(state, view) {
    this.#state = state;
    this.#since = this.#heard();
    if (state !== "down") this.#tryAt = Infinity;
    if (view !== undefined) this.listener.changed(view);
    this.#plan();
  }

  // Time

  /** Something came, or a new state began. */
  #heard() {
    this.#heardDate = Date.now();
    return (this.#heardAt = performance.now());
  }

  #deadline() {
    if (this.#state === "down") return this.#tryAt;
    if (this.#state === "connecting") return this.#since + OPEN_TIMEOUT + (this.#socket === null ? OPEN_TIMEOUT : 0);
    if (this.#state === "opening") return this.#since + HELLO_TIMEOUT;
    if (this.#state !== "open") return Infinity;
    return Math.min(this.#heardAt + this.#silence(), this.#protocol.lateAt, this.#renewAt, this.#protocol.readyAt);
  }

  /** Milliseconds without a frame after which the other side must be gone: two heartbeats and a little. */
  #silence() {
    return 2 * (this.hello?.heartbeat_ms ?? 0) + 5000;
  }

  #plan() {
    clearTimeout(this.#timer);
    const deadline = this.#deadline();
    if (deadline === Infinity) return;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, deadline - performance.now()));
  }

  #tick() {
    const now = performance.now();
    if (now < this.#deadline()) {
      this.#plan();
      return;
    }
    if (this.#state === "down") void this.#connect();
    else if (this.#state === "connecting" || this.#state === "opening") this.#drop();
    else if (this.#state === "open") {
      if (now >= this.#heardAt + this.#silence() || now >= this.#protocol.lateAt) this.#drop();
      else {
        if (now >= this.#renewAt) void this.#renew();
        this.#pump();
      }
    }
  }

  #planRenewal() {
    this.#renewAt = performance.now() + Math.max(0, this.tokens.lifetime) * RENEW_AT;
  }

  /** The socket ends with its token; a newer one, sent on it, prolongs it. */
  async #renew() {
    this.#renewAt = Infinity;
    const attempt = this.#attempt;
    try {
      const token = await this.tokens.renew(this.#token);
      if (attempt !== this.#attempt) return;
      this.#token = token;
      this.#planRenewal();
      await this.request({ type: "auth", token });
    } catch (error) {
      if (attempt !== this.#attempt) return;
      if (problemOf(error).retryable) this.#renewAt = performance.now() + RENEW_PAUSE;
      this.#plan();
    }
  }

  // Frames

  /** @param {unknown} data */
  #received(data) {
    /** @type {ServerFrame} */
    let frame;
    try {
      frame = JSON.parse(/** @type {string} */ (data));
    } catch {
      this.#drop(); // this is no server of ours
      return;
    }
    this.#heard();
    if (frame === null || typeof frame !== "object") return;
    if (this.#state !== "open" && frame.type !== "hello" && frame.type !== "bye") return; // nothing counts before hello
    if (frame.type === "hello") this.#welcome(frame);
    else if (frame.type !== "bye") this.tell(this.#protocol.received(frame, this.#heardAt));
    else if (frame.reconnect) this.#bye = frame;
    this.#pump();
  }

  /** @param {Hello} hello */
  #welcome(hello) {
    if (hello.protocol !== VERSION) {
      this.#hangUp();
      this.#end("ended.outdated");
      return;
    }
    this.hello = hello;
    this.#renewed = false;
    this.#protocol.welcome(hello);
    this.#planRenewal();
    this.listener.welcomed(hello);
    this.#enter("open", { status: "live" });
    this.tell(this.#protocol.standing());
  }

  /** Send what is due, as far as the server's limits allow. */
  #pump() {
    while (this.#state === "open") {
      const text = this.#protocol.next(performance.now());
      if (text === null) break;
      this.#socket?.send(text);
    }
    this.#plan();
  }
}

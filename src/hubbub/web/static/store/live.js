/**
 * What the store stands on: the parts of `io`, put together once, and what they tell, as topics. Every other module of
 * the store takes its part from here and says to which topics it listens; none of them knows who else does.
 *
 * @import {Connection as View, Gone, Hello, Joined, Pending, RoomEvent, RoomId, Seq, Signal, Storage} from "../core/types.d.ts"
 * @import {Problem} from "../core/problems.js"
 */

import { signal } from "@preact/signals-core";

import { Api } from "../io/api.js";
import { Db } from "../io/db.js";
import { Outbox } from "../io/outbox.js";
import { Connection } from "../io/socket.js";
import { Tabs } from "../io/tabs.js";
import { Tokens } from "../io/tokens.js";

/** @template T */
class Topic {
  /** @type {((value: T) => void)[]} */
  #listeners = [];

  /** @param {(value: T) => void} listener */
  on(listener) {
    this.#listeners.push(listener);
  }

  /** @param {T} value */
  tell(value) {
    for (const listener of this.#listeners) listener(value);
  }
}

export const connection = signal(/** @type {View} */ ({ status: "off" }));
export const storage = signal(/** @type {Storage} */ ("durable"));

/** @type {Topic<Hello>} */
export const welcomed = new Topic();
/** @type {Topic<{roomId: RoomId, event: RoomEvent}>} the next event of a room, each once and in order */
export const happened = new Topic();
/** @type {Topic<Joined>} */
export const joined = new Topic();
/** @type {Topic<RoomId>} the room is complete, and what happens in it comes at once */
export const caughtUp = new Topic();
/** @type {Topic<{roomId: RoomId, from: Seq}>} what is known of the room is not to be continued; it goes on after `from` */
export const restarted = new Topic();
/** @type {Topic<{roomId: RoomId, problem: Problem | null}>} one may not read the room, or not any more */
export const closed = new Topic();
/** @type {Topic<Signal>} */
export const signalled = new Topic();
/** @type {Topic<Problem>} the server does not know this session any more */
export const signedOut = new Topic();
/** @type {Topic<RoomId>} what waits in the outbox for this room */
export const outboxChanged = new Topic();
/** @type {Topic<Pending>} the server refused something that was said */
export const refused = new Topic();
/** @type {Topic<RoomId>} a room has come into the list */
export const appeared = new Topic();
/** @type {Topic<{roomId: RoomId, reason: Gone, name: string}>} a room has left the list */
export const gone = new Topic();
/** @type {Topic<void>} the user is another one, or nobody: forget everything */
export const emptied = new Topic();

/** The root of the server, which may be served under a prefix: above static/<version>/store/. */
const base = new URL("../../../", import.meta.url).href;

export const db = new Db((mode) => (storage.value = mode));
export const tabs = new Tabs((tab) => outbox.adopt(tab));
export const api = new Api(base);
export const tokens = new Tokens(db, tabs, (refresh_token, attempt) =>
  api.request("POST", "auth/refresh", { body: { refresh_token, attempt }, token: false }),
);
api.tokens = tokens;

export const line = new Connection(new URL("ws", base.replace(/^http/, "ws")).href, tokens, {
  changed: (view) => (connection.value = view),
  welcomed: (hello) => welcomed.tell(hello),
  applied: (roomId, event) => happened.tell({ roomId, event }),
  joined: (frame) => joined.tell(frame),
  caughtUp: (roomId) => caughtUp.tell(roomId),
  reset: (roomId, _reason, from) => restarted.tell({ roomId, from }),
  ended: (roomId, problem) => closed.tell({ roomId, problem }),
  signalled: (frame) => signalled.tell(frame),
  signedOut: (problem) => signedOut.tell(problem),
});

/** Up to where each room is shown. Filled in by `rooms.js`. */
export const shown = { position: (/** @type {RoomId} */ _roomId) => /** @type {Seq | null} */ (null) };

export const outbox = new Outbox(db, tabs, line, {
  changed: (roomId) => outboxChanged.tell(roomId),
  failed: (entry) => refused.tell(entry),
  position: (roomId) => shown.position(roomId),
});

/** Do not wait for the next try. */
export function retryNow() {
  line.retryNow();
}

/** Look at the connection whenever there is a reason to think that it, or the page, was away. */
export function keepAwake() {
  connection.subscribe(({ status }) => {
    if (status === "live") outbox.pump();
  });
  const look = () => document.visibilityState === "visible" && line.check();
  for (const type of ["online", "pageshow", "focus"]) window.addEventListener(type, look);
  document.addEventListener("visibilitychange", look);
}

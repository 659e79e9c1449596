/**
 * Arrival: events are taken from the connection at once, and put on the screen in steps that a browser and a reader can
 * follow. The first step is taken at once, the next ones 50 ms apart (250 in a page that nobody looks at), each in one
 * batch. What is where is known by the rooms; this module knows only when.
 *
 * @import {RoomId} from "../core/types.d.ts"
 */

import { batch } from "@preact/signals-core";

import { emptied } from "./live.js";

const PAUSE = 50; // milliseconds between two steps
const HIDDEN_PAUSE = 250; // milliseconds, while the page is hidden

/** @type {Set<RoomId>} rooms that have something to show */
const waiting = new Set();
let planned = false;
/** @type {(roomId: RoomId, all: boolean) => boolean} shows a step, or all of it; is there more? */
let show = () => false;

/** @param {typeof show} handler */
export function shownBy(handler) {
  show = handler;
}

/** @param {RoomId} roomId */
export function arrived(roomId) {
  waiting.add(roomId);
  if (planned) return;
  planned = true;
  queueMicrotask(step);
}

/**
 * Show everything that has come for a room (null = for all of them), now.
 *
 * @param {RoomId | null} roomId
 */
export function catchUp(roomId) {
  const rooms = roomId === null ? [...waiting] : [roomId];
  batch(() => {
    for (const id of rooms) if (waiting.delete(id)) show(id, true);
  });
}

function step() {
  const rooms = [...waiting];
  waiting.clear();
  if (rooms.length === 0) {
    planned = false;
    return;
  }
  batch(() => {
    for (const id of rooms) if (show(id, false)) waiting.add(id);
  });
  setTimeout(step, document.visibilityState === "hidden" ? HIDDEN_PAUSE : PAUSE);
}

emptied.on(() => waiting.clear());

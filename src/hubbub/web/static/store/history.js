/**
 * Pages of a room's history. Each is older than what has happened since it was asked for, and is brought up to date.
 *
 * @import {Message, RoomId, Seq, Timeline as Page} from "../core/types.d.ts"
 * @typedef {{before?: Seq, after?: Seq, around?: Seq, limit: number}} Query
 */

import { problemOf } from "../core/problems.js";
import { current } from "../core/window.js";
import { api } from "./live.js";
import { heldRoom } from "./sync.js";

const TRIES = 3;
const SHORT = 128 * 1024; // characters: a page is cut after half a mebibyte of text, at up to four bytes a character

/**
 * A page of history as it is at the event that is shown last.
 *
 * @param {RoomId} roomId
 * @param {Query} query
 * @param {boolean} latest does it reach the end?
 */
export async function loadPage(roomId, query, latest) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    /** @type {Page} */
    const page = await api.get(`rooms/${roomId}/messages`, query);
    const room = heldRoom(roomId);
    if (room !== undefined && room.log === null) room.begin(page.head);
    const ends = latest || (query.after !== undefined && isShort(page, query.limit));
    const messages = room?.log ? current(page, room.log, room.shown, ends) : page.items.toReversed();
    if (messages !== null) return { messages, page };
  }
  throw problemOf(new Error("pages and events do not meet"));
}

/**
 * Does a page end because there is no more, and not because it is full?
 *
 * @param {Page} page
 * @param {number} limit
 */
export const isShort = ({ items }, limit) => items.length < limit && length(items) < SHORT;

/**
 * Is nothing of a page that was read around a message older than that?
 *
 * @param {Page} page
 * @param {Seq} seq
 */
export const isFirst = ({ items }, seq) => (items.at(-1)?.seq ?? Infinity) >= seq && length(items) < SHORT;

/** @param {readonly Message[]} messages in characters */
const length = (messages) => messages.reduce((total, { text }) => total + text.length, 0);

/**
 * What is said in passing: to screen readers, at most every 2 seconds, and in toasts.
 *
 * @import {Toast, Words} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { problemOf } from "../core/problems.js";

const PAUSE = 2000; // milliseconds between two announcements: more than that nobody can follow
const SPOKEN = 300; // characters of a message: the others are read in the room

/** To be spoken; `n` grows, so that the same words are spoken again. */
export const announcement = signal(/** @type {(Words & {n: number}) | null} */ (null));
export const toasts = signal(/** @type {Toast[]} */ ([]));

/** @type {Words | null} */
let next = null;
let waiting = false;
let spoken = 0;
let shown = 0;
/** How many messages the next announcement stands for. */
let messages = 0;

/**
 * Somebody said something in the open room. Those of one pause become one announcement.
 *
 * @param {{count: number, name: string, room: string, text: string}} said `name` and `text` of the last one
 */
export function announceMessages({ count, name, room, text }) {
  messages += count;
  if (messages === 1) say({ key: "announce.message", args: { name, room, text: text.slice(0, SPOKEN) } });
  else say({ key: "announce.messages", args: { count: messages, name, room } });
}

/**
 * The same words once more take the place of the earlier ones.
 *
 * @param {Words} words
 * @param {Toast['tone']} [tone]
 */
export function toast(words, tone = "info") {
  const told = sentence(words);
  toasts.value = [...toasts.value.filter((one) => sentence(one) !== told), { ...words, tone, id: ++shown }];
}

/** @param {Words} words */
const sentence = ({ key, args }) => JSON.stringify([key, args]);

/**
 * What came of a deed that belongs to no form; undefined, and a toast, when it failed.
 *
 * @template T
 * @param {Promise<T>} deed
 * @returns {Promise<T | undefined>}
 */
export async function attempt(deed) {
  try {
    return await deed;
  } catch (error) {
    toast(problemOf(error).words, "bad");
    return undefined;
  }
}

/** @param {number} id */
export function dismiss(id) {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** @param {Words} words */
function say(words) {
  next = words;
  if (!waiting) speak();
}

function speak() {
  if (next === null) {
    waiting = false;
    return;
  }
  announcement.value = { ...next, n: ++spoken };
  next = null;
  messages = 0;
  waiting = true;
  setTimeout(speak, PAUSE);
}

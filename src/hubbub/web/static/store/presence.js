/**
 * Who is there. The server tells of those who are watched, and of nobody else; whether this user is away is told too.
 *
 * @import {ReadonlySignal, Signal} from "@preact/signals-core"
 * @import {Presence, PresenceStatus, UserId} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { connection, emptied, line, signalled } from "./live.js";

const MOST = 200; // people that the server lets one watch
const AWAY = 5 * 60_000; // milliseconds without a sign of the user

/** @type {Map<UserId, Signal<Presence | undefined>>} */
const known = new Map();
/** @type {Map<string, readonly UserId[]>} */
const owners = new Map();
let watched = "";
let planned = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let idle;
let away = false;

/**
 * Undefined while it is not known.
 *
 * @param {UserId} id
 * @returns {ReadonlySignal<Presence | undefined>}
 */
export const presence = (id) => cell(id);

/**
 * Whose presence a part of the screen shows.
 *
 * @param {string} owner
 * @param {readonly UserId[]} ids
 */
export function watch(owner, ids) {
  if (ids.length === 0) owners.delete(owner);
  else owners.set(owner, ids);
  if (planned) return;
  planned = true;
  queueMicrotask(() => {
    planned = false;
    tell();
  });
}

/** The user is at this page, until there is no sign of it for a while. */
export function watchUser() {
  for (const type of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart", "focus"]) {
    window.addEventListener(type, present, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && present());
  rest();
}

function tell() {
  const ids = [...new Set([...owners.values()].flat())].slice(0, MOST).sort((one, other) => one - other);
  const now = ids.join();
  if (now === watched) return;
  watched = now;
  line.presence({ watch: ids });
}

function present() {
  setAway(false);
  rest();
}

function rest() {
  clearTimeout(idle);
  idle = setTimeout(() => setAway(true), AWAY);
}

/** @param {boolean} now */
function setAway(now) {
  if (now === away) return;
  away = now;
  line.presence({ status: now ? "away" : "online" });
}

/** @param {UserId} id */
function cell(id) {
  let found = known.get(id);
  if (found === undefined) known.set(id, (found = signal(/** @type {Presence | undefined} */ (undefined))));
  return found;
}

signalled.on(({ kind, user_id, status, last_seen }) => {
  if (kind !== "presence" || user_id === undefined || status === undefined) return;
  cell(user_id).value = { status: /** @type {PresenceStatus} */ (status), ...(last_seen && { last_seen }) };
});
connection.subscribe(({ status }) => {
  // What was true is not known any more.
  if (status !== "live") for (const one of known.values()) one.value = undefined;
});
emptied.on(() => {
  known.clear();
  owners.clear();
  watched = "";
  away = false;
});

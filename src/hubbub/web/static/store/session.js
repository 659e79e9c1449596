/**
 * Who is at the screen: signing in and out, the account, and its other devices.
 *
 * Signing out clears everything on this device. When the server ends the session, messages and names go too; what the
 * user has written and nobody has got stays for their next sign-in, and is dropped when somebody else signs in. All tabs
 * are of the same user: one that learns of another goes over to them.
 *
 * @import {Boot, Grant, Profile, Session, UserId, Words} from "../core/types.d.ts"
 * @import {Problem} from "../core/problems.js"
 */

import { batch, signal } from "@preact/signals-core";

import { problemOf } from "../core/problems.js";
import { attempt, toast } from "./announce.js";
import { tidy } from "./cache.js";
import { recallDrafts } from "./compose.js";
import { api, db, emptied, line, outbox, signedOut, storage, tabs, tokens } from "./live.js";
import { recall } from "./people.js";
import { recallRooms } from "./sync.js";

export { storage };

const PATIENCE = 3000; // milliseconds for the server to say that a session has ended
const WRITER = "writer"; // whose drafts and unsent messages this device has

export const boot = signal(/** @type {Boot} */ ("starting"));
export const me = signal(/** @type {Profile | null} */ (null));
export const ended = signal(/** @type {Words | null} */ (null));
export const sessions = signal(/** @type {Session[] | null} */ (null));

let leaving = false; // of one's own accord: that the session has ended is no news then

/** Find out who is signed in on this device, and connect. */
export async function resume() {
  const user = await tokens.load();
  if (user === null) boot.value = "signed-out";
  else await enter(user);
}

/**
 * @param {string} login a username or an e-mail address
 * @param {string} password
 * @param {string} label what this device is called in the list of sessions
 */
export async function signIn(login, password, label) {
  const body = { username: login.trim(), password, label };
  /** @type {Grant} */
  const grant = await api.request("POST", "auth/login", { body, token: false });
  /** @type {Profile} */
  const user = await api.request("GET", "users/me", { as: grant.access_token });
  if ((await db.get("kv", WRITER)) !== user.id) await clear();
  await db.write([{ store: "kv", put: user.id, key: WRITER }]).catch(() => undefined);
  await tokens.begin(grant, user);
  tabs.post("signed-in", user.id);
  void navigator.storage?.persist?.().catch(() => undefined); // what is unsent should outlive a full disk
  await enter(user);
}

/**
 * @param {{username: string, email: string, password: string, display_name?: string}} account
 * @param {string} label
 */
export async function signUp({ display_name, ...account }, label) {
  const body = display_name ? { ...account, display_name } : account;
  await api.request("POST", "auth/register", { body, token: false });
  await signIn(account.username, account.password, label);
}

/**
 * Forget everything, and have the server end the session. A server that does not answer goes on with it until its age
 * ends it, and nobody has its tokens any more: who signs out is told, and can end it by hand.
 */
export async function signOut() {
  leaving = true;
  const over = api.post("auth/logout").then(() => true, hasEnded);
  const told = await Promise.race([over, new Promise((resolve) => setTimeout(resolve, PATIENCE, false))]);
  leaving = false;
  tabs.post("signed-out", null);
  await leave(told ? null : { key: "ended.untold" });
  await clear();
}

/** Does the server refuse to end a session because it has ended? @param {unknown} error */
const hasEnded = (error) => ["unauthenticated", "token_expired"].includes(problemOf(error).code);

export async function loadSessions() {
  const { items } = await api.get("auth/sessions");
  sessions.value = items;
}

/** @param {number} id */
export async function endSession(id) {
  try {
    await api.request("DELETE", `auth/sessions/${id}`);
  } catch (error) {
    if (problemOf(error).code !== "not_found") toast(problemOf(error).words, "bad");
  }
  await attempt(loadSessions());
}

/**
 * @param {string} old_password
 * @param {string} new_password
 */
export async function changePassword(old_password, new_password) {
  await api.post("auth/password", { old_password, new_password });
  if (sessions.value !== null) await attempt(loadSessions());
}

/** @param {{display_name?: string, email?: string, password?: string}} change */
export async function changeProfile(change) {
  /** @type {Profile} */
  const profile = await api.request("PATCH", "users/me", { body: change });
  me.value = profile;
  await tokens.describe(profile);
  tabs.post("profile", profile);
}

/** Leave nothing of anybody on this device. */
async function clear() {
  await outbox.clear();
  await db.clear();
}

/** @param {Profile} user */
async function enter(user) {
  batch(() => {
    me.value = user;
    ended.value = null;
    boot.value = "signed-in";
  });
  line.start();
  await Promise.all([recallRooms(), recall(), recallDrafts(), outbox.start(user.id)]);
  await tidy().catch(() => undefined);
}

/**
 * Nobody is signed in any more: forget what this page holds.
 *
 * @param {Words | null} why
 */
async function leave(why) {
  const forgotten = tokens.end(); // at once: what is still asked is not answered any more
  line.stop();
  outbox.stop();
  batch(() => {
    boot.value = "signed-out";
    me.value = null;
    ended.value = why;
    sessions.value = null;
    emptied.tell();
  });
  await forgotten;
}

/** @param {Problem} problem */
async function refused(problem) {
  if (boot.value !== "signed-in" || leaving) return;
  const key = problem.code === "forbidden" ? "error.forbidden" : "ended.session";
  await leave({ key, args: { detail: problem.message, seconds: 0 } });
  await db.clear(["rooms", "people"]);
  await db.write([{ store: "kv", delete: "rooms" }]);
  await follow();
}

/** Be who has signed in in another tab, if anybody has. */
async function follow() {
  if (boot.value === "signed-out") await resume();
}

signedOut.on((problem) => void refused(problem));
tabs.on("signed-out", () => {
  if (boot.value === "signed-in") void leave({ key: "ended.tab" });
  else if (ended.value?.key === "ended.session") ended.value = { key: "ended.tab" }; // the server was quicker to tell
});
tabs.on("signed-in", async (/** @type {UserId} */ id) => {
  if (boot.value === "signed-in" && me.value?.id !== id) await leave(null);
  await follow();
});
tabs.on("profile", (/** @type {Profile} */ profile) => {
  if (me.value?.id === profile.id) me.value = profile;
});

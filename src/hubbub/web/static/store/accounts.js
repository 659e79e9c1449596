/**
 * Other people's accounts, for administrators. The server decides who is one; what this page knows of it may be old.
 *
 * @import {Profile, UserId} from "../core/types.d.ts"
 */

import { problemOf } from "../core/problems.js";
import { toast } from "./announce.js";
import { Search } from "./directory.js";
import { api, emptied, tokens } from "./live.js";
import { learn } from "./people.js";
import { me } from "./session.js";

/** @type {Search<Profile>} */
const accounts = new Search("users");

/** To administrators the server shows disabled accounts too, and e-mail addresses. */
export const accountsFound = accounts.results;

/** @param {string} query */
export const searchAccounts = (query) => accounts.seek(query);
export const moreAccounts = () => accounts.more();

/**
 * Disable somebody's account, or enable it; true when that is done.
 *
 * @param {UserId} id
 * @param {boolean} disabled
 */
export async function setDisabled(id, disabled) {
  try {
    /** @type {Profile} */
    const changed = await api.request("PATCH", `users/${id}`, { body: { disabled } });
    learn([changed]);
    const { value } = accountsFound;
    accountsFound.value = { ...value, items: value.items.map((one) => (one.id === id ? changed : one)) };
    return true;
  } catch (error) {
    const { code, words } = problemOf(error);
    toast(words, "bad");
    if (code === "forbidden") await recheck();
    return false;
  }
}

/** Ask the server whether the user is an administrator now. */
export async function recheck() {
  try {
    /** @type {Profile} */
    const profile = await api.get("users/me");
    if (me.value?.id !== profile.id) return;
    me.value = profile;
    await tokens.describe(profile);
  } catch {
    // What was known stays.
  }
}

emptied.on(() => accounts.clear());

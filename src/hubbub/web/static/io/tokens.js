/**
 * The tokens of this browser's one session, shared by all its tabs.
 *
 * A refresh token is good for one use, and a second use ends the session: so one tab at a time refreshes, and looks
 * first whether another has done so. The new pair is on the disk before it is used; localStorage would write it seconds
 * later, and a crash in between would sign everybody out. So is the word of a refresh, its attempt: when the answer is
 * lost, the same word makes a second use a repeat, whichever tab sends it, today or after the next start.
 *
 * @import {Db} from "./db.js"
 * @import {Tabs} from "./tabs.js"
 * @import {Grant, Profile} from "../core/types.d.ts"
 * @typedef {{user: Profile, access_token: string, refresh_token: string, expires_at: number, attempt?: string}} Stored
 */

import { Problem, problemOf } from "../core/problems.js";
import { newId } from "./ids.js";
import { exclusively } from "./locks.js";

const KEY = "session";
const SPARE = 20_000; // milliseconds before its end in which a token is not begun with

export class Tokens {
  /** @type {Stored | null} */
  #stored = null;
  /** @type {Promise<string> | null} */
  #renewing = null;

  /**
   * @param {Db} db
   * @param {Tabs} tabs
   * @param {(refreshToken: string, attempt: string) => Promise<Grant>} refresh asks the server
   */
  constructor(db, tabs, refresh) {
    this.db = db;
    this.tabs = tabs;
    this.refresh = refresh;
    tabs.on("tokens", (/** @type {Stored | null} */ stored) => {
      if (stored !== null && this.#stored?.user.id === stored.user.id) this.#stored = stored;
    });
  }

  /** Whose session it is; null = nobody is signed in. */
  get user() {
    return this.#stored?.user ?? null;
  }

  /** Milliseconds for which the access token is still good, by this device's clock. */
  get lifetime() {
    return this.#stored === null ? 0 : this.#stored.expires_at - Date.now();
  }

  /** Look what another tab, or this one before, has left. */
  async load() {
    this.#stored = (await this.db.get("kv", KEY)) ?? null;
    return this.user;
  }

  /**
   * A new session.
   *
   * @param {Grant} grant
   * @param {Profile} user
   */
  async begin(grant, user) {
    await this.#keep({ ...tokensOf(grant), user });
  }

  /** @param {Profile} user */
  async describe(user) {
    await exclusively(this.db, "tokens", async () => {
      const stored = await this.#latest();
      if (stored !== undefined) await this.#keep({ ...stored, user });
    });
  }

  /** Forget them, here and on this device; not those of somebody else, who has signed in since in another tab. */
  async end() {
    const user = this.user;
    this.#stored = null;
    await this.db.update("kv", KEY, (kept) => (kept?.user.id === user?.id ? null : undefined));
  }

  /** An access token that is good for a while. Rejects with a Problem. */
  async token() {
    if (this.#stored === null) throw new Problem("unauthenticated");
    return this.lifetime > SPARE ? this.#stored.access_token : this.renew(this.#stored.access_token);
  }

  /**
   * Another access token than this one, which was refused or is about to expire. Rejects with a Problem.
   *
   * @param {string} stale
   * @returns {Promise<string>}
   */
  renew(stale) {
    this.#renewing ??= this.#renew(stale).finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  /** @param {string} stale */
  async #renew(stale) {
    return exclusively(this.db, "tokens", async () => {
      const stored = await this.#latest();
      if (stored === undefined) throw new Problem("unauthenticated");
      if (stored.access_token !== stale && stored.expires_at - Date.now() > SPARE) {
        this.#stored = stored;
        return stored.access_token;
      }
      const attempt = stored.attempt ?? newId();
      if (stored.attempt === undefined) await this.#keep({ ...stored, attempt });
      const grant = await this.refresh(stored.refresh_token, attempt);
      if ((await this.#latest())?.user.id !== stored.user.id) throw new Problem("unauthenticated"); // signed out meanwhile
      await this.#keep({ ...tokensOf(grant), user: stored.user });
      return grant.access_token;
    });
  }

  /**
   * What is on the disk; or, when it could not be kept there, what this tab has or was told by another one. Undefined
   * when the session is over for this tab: nobody is signed in, or somebody else.
   */
  async #latest() {
    const kept = /** @type {Stored | undefined} */ (await this.db.get("kv", KEY));
    const latest = kept ?? this.#stored ?? undefined;
    return latest?.user.id === this.user?.id ? latest : undefined;
  }

  /** @param {Stored} stored */
  async #keep(stored) {
    this.#stored = stored;
    try {
      await this.db.write([{ store: "kv", put: stored, key: KEY }], { strict: true });
    } catch (error) {
      // Better none than a used one, which would end the session of all tabs at their next refresh.
      await this.db.write([{ store: "kv", delete: KEY }]).catch(() => undefined);
      if (problemOf(error).code !== "storage_full") throw error;
    }
    this.tabs.post("tokens", stored);
  }
}

/** @param {Grant} grant */
function tokensOf({ access_token, refresh_token, expires_in }) {
  return { access_token, refresh_token, expires_at: Date.now() + expires_in * 1000 };
}

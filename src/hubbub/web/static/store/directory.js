/**
 * Looking for channels and for people. A later question takes the place of an earlier one, whenever that is answered.
 *
 * @import {Problem} from "../core/problems.js"
 * @import {Channel, List, Profile, Words} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { problemOf } from "../core/problems.js";
import { api, emptied } from "./live.js";
import { learn } from "./people.js";

const PAGE = 50;
const PAUSE = 150; // milliseconds without a key before a question is asked

/**
 * @template T
 * @typedef {{query: string, items: T[], more: boolean, status: 'loading' | 'ready' | 'failed', problem: Words | null}} Results
 */

/** @type {Results<never>} */
const NOTHING = Object.freeze({ query: "", items: [], more: false, status: "loading", problem: null });

/** @template T */
export class Search {
  /** @type {string | null} */
  #cursor = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asked = 0;

  /** @param {string} path */
  constructor(path) {
    this.path = path;
    this.results = signal(/** @type {Results<T>} */ (NOTHING));
  }

  /** @param {string} query */
  seek(query) {
    this.#asked += 1;
    this.#cursor = null;
    this.results.value = { ...this.results.value, query: query.trim(), status: "loading", problem: null };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#page([]), PAUSE);
  }

  async more() {
    const { more, items, status } = this.results.value;
    if (more && status === "ready") await this.#page(items);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.results.value = NOTHING;
  }

  /** @param {T[]} before */
  async #page(before) {
    const asked = ++this.#asked;
    const { query } = this.results.value;
    try {
      /** @type {List<T>} */
      const page = await api.get(this.path, { q: query, cursor: this.#cursor, limit: PAGE });
      if (asked !== this.#asked) return;
      this.#cursor = page.next_cursor;
      const items = [...before, ...page.items];
      this.results.value = { query, items, more: page.next_cursor !== null, status: "ready", problem: null };
    } catch (error) {
      if (asked === this.#asked) this.#refused(asked, before, problemOf(error));
    }
  }

  /**
   * Too much at once, from other pages of this user maybe, is asked again by itself.
   *
   * @param {number} asked
   * @param {T[]} before
   * @param {Problem} problem
   */
  #refused(asked, before, { code, retryAfter, words }) {
    if (code === "rate_limited" && retryAfter !== undefined) {
      const again = () => asked === this.#asked && void this.#page(before);
      this.#timer = setTimeout(again, retryAfter);
    } else {
      this.results.value = { ...this.results.value, status: "failed", problem: words };
    }
  }
}

/** @type {Search<Channel>} */
const channels = new Search("channels");
/** @type {Search<Profile>} */
const people = new Search("users");

export const channelsFound = channels.results;
export const peopleFound = people.results;

/** @param {string} query */
export const searchChannels = (query) => channels.seek(query);
export const moreChannels = () => channels.more();

/** @param {string} query */
export const searchPeople = (query) => people.seek(query);
export const morePeople = () => people.more();

peopleFound.subscribe(({ items }) => learn(items));
emptied.on(() => {
  channels.clear();
  people.clear();
});

/**
 * Looking for channels and for people. A later question takes the place of an earlier one, whenever that is answered.
 *
 * @import {Channel, List, Profile} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { api, emptied } from "./live.js";
import { learn } from "./people.js";

const PAGE = 50;
const PAUSE = 150; // milliseconds without a key before a question is asked

/**
 * @template T
 * @typedef {{query: string, items: T[], more: boolean, status: 'loading' | 'ready' | 'failed'}} Results
 */

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
    this.results = signal(/** @type {Results<T>} */ ({ query: "", items: [], more: false, status: "loading" }));
  }

  /** @param {string} query */
  seek(query) {
    this.#asked += 1;
    this.#cursor = null;
    this.results.value = { ...this.results.value, query: query.trim(), status: "loading" };
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
    this.results.value = { query: "", items: [], more: false, status: "loading" };
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
      this.results.value = { query, items, more: page.next_cursor !== null, status: "ready" };
    } catch {
      if (asked === this.#asked) this.results.value = { ...this.results.value, status: "failed" };
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

/**
 * The other tabs of the same browser: what one of them does is told to the rest, and when one is gone the rest know.
 */

import { newId } from "./ids.js";
import { hold, whenFree } from "./locks.js";

export class Tabs {
  /** This page's own name; a reload makes another one. */
  id = newId(8);
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {Map<string, (data: any) => void>} */
  #listeners = new Map();
  /** @type {Set<string>} */
  #watched = new Set();

  /** @param {(tab: string) => Promise<void>} onGone while nobody else is told */
  constructor(onGone) {
    this.onGone = onGone;
  }

  /** Be there for the others. */
  async start() {
    if (typeof BroadcastChannel === "function") {
      this.#channel = new BroadcastChannel("hubbub");
      this.#channel.onmessage = ({ data }) => this.#heard(data);
    }
    await hold(`tab-${this.id}`);
    this.post("here", { answer: true });
  }

  /**
   * Tell all other tabs.
   *
   * @param {string} topic
   * @param {unknown} data
   */
  post(topic, data) {
    this.#channel?.postMessage({ topic, from: this.id, data });
  }

  /**
   * @param {string} topic
   * @param {(data: any) => void} listener the one for this topic
   */
  on(topic, listener) {
    this.#listeners.set(topic, listener);
  }

  /**
   * Call `onGone` once this tab is gone; at once, if it is.
   *
   * @param {string} tab
   */
  watch(tab) {
    if (tab === this.id || this.#watched.has(tab)) return;
    this.#watched.add(tab);
    void whenFree(`tab-${tab}`, () => this.onGone(tab)).finally(() => this.#watched.delete(tab));
  }

  /** @param {{topic: string, from: string, data: any}} message */
  #heard({ topic, from, data }) {
    if (topic !== "here") {
      this.#listeners.get(topic)?.(data);
      return;
    }
    this.watch(from);
    if (data.answer) this.post("here", { answer: false });
  }
}

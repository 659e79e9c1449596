/**
 * The outbox on the disk: one transaction for everything that comes while the one before is written. When nothing can
 * be kept the page goes on all the same; the database says so by its mode.
 *
 * @import {Change, Db} from "./db.js"
 * @import {Entry} from "./outbox.js"
 */

import { Shelf } from "./shelf.js";

export class Spool {
  /** @type {Shelf<Entry>} */
  #shelf = new Shelf("hubbub-said-");
  /** @type {Set<string>} entries that are being written */
  #writing = new Set();
  /** @type {Change[]} */
  #unwritten = [];
  /** @type {Promise<void>} the last write */
  #written = Promise.resolve();

  /** @param {Db} db */
  constructor(db) {
    this.db = db;
  }

  /** What this device has, of all tabs and users. */
  async all() {
    await this.#written;
    const kept = new Map(this.#shelf.all().map((entry) => [entry.key, entry]));
    for (const entry of /** @type {Entry[]} */ (await this.db.all("outbox"))) kept.set(entry.key, entry);
    return [...kept.values()];
  }

  /** @param {string} key */
  isWriting(key) {
    return this.#writing.has(key);
  }

  /** @param {Entry} entry */
  async put(entry) {
    this.#writing.add(entry.key);
    this.#shelf.put(entry);
    await this.#write({ store: "outbox", put: entry });
    this.#writing.delete(entry.key);
    if (this.db.mode === "durable") this.#shelf.drop(entry.key);
  }

  /** @param {string} key */
  drop(key) {
    this.#shelf.drop(key);
    return this.#write({ store: "outbox", delete: key });
  }

  /** Forget what lies beside the database; resolves when nothing is on its way to either any more. */
  clear() {
    this.#shelf.clear();
    return this.#written;
  }

  /** @param {Change} change */
  #write(change) {
    this.#unwritten.push(change);
    if (this.#unwritten.length === 1) {
      this.#written = this.#written.then(() => {
        const changes = this.#unwritten;
        this.#unwritten = [];
        return this.db.write(changes, { strict: true }).catch(() => undefined);
      });
    }
    return this.#written;
  }
}

/**
 * What this device keeps, in IndexedDB. Where there is none (private windows, blocked storage) a map in memory has the
 * same surface, and whoever asks for `mode` can say so. It knows stores and keys, and nothing of what is in them.
 *
 * | store | key | holds | may be dropped |
 * |---|---|---|---|
 * | `kv` | a word | the session, the list of rooms, leases | no |
 * | `outbox` | `key` | what was said and not confirmed | no |
 * | `drafts` | `room_id` | unsent texts | no |
 * | `rooms` | `id` | the last rows of the last rooms | yes |
 * | `people` | `id` | names | yes |
 *
 * @import {Storage} from "../core/types.d.ts"
 * @typedef {'kv' | 'outbox' | 'drafts' | 'rooms' | 'people'} StoreName
 * @typedef {{store: StoreName, put: any, key?: string} | {store: StoreName, delete: string | number} | {store: StoreName, clear: true}} Change
 */

import { Problem, STORAGE_FULL } from "../core/problems.js";

const NAME = "hubbub";
const VERSION = 1;
const OPEN_TIMEOUT = 3000; // milliseconds; a broken profile may never answer

/** @type {Record<StoreName, string | null>} */
const KEY_PATHS = { kv: null, outbox: "key", drafts: "room_id", rooms: "id", people: "id" };
/** @type {StoreName[]} */
const STORES = ["kv", "outbox", "drafts", "rooms", "people"];
/** @type {StoreName[]} */
const CACHES = ["rooms", "people"];

export class Db {
  /** @type {Promise<IDBDatabase> | null} */
  #opening = null;
  #memory = new Memory();
  /** @type {Storage} */
  #mode = "durable";

  /** @param {(mode: Storage) => void} onMode called when it changes */
  constructor(onMode) {
    this.onMode = onMode;
  }

  get mode() {
    return this.#mode;
  }

  /**
   * @param {StoreName} store
   * @param {string | number} key
   * @returns {Promise<any>}
   */
  get(store, key) {
    return this.#use(
      (db) => answer(db.transaction(store).objectStore(store).get(key)),
      (memory) => memory.get(store, key),
    );
  }

  /**
   * @param {StoreName} store
   * @returns {Promise<any[]>}
   */
  all(store) {
    return this.#use(
      (db) => answer(db.transaction(store).objectStore(store).getAll()),
      (memory) => memory.all(store),
    );
  }

  /**
   * Make changes, all or none. With `strict` they are on the disk when this resolves.
   *
   * When the disk is full what can be had again is dropped first; rejects with `storage_full` when that is not enough.
   *
   * @param {Change[]} changes
   * @param {{strict?: boolean}} [options]
   */
  async write(changes, { strict = false } = {}) {
    await this.#use(
      async (db) => {
        await this.#commit(db, changes, strict);
        if (changes.some((change) => "put" in change)) this.#setMode("durable"); // deleting always works
      },
      (memory) => memory.write(changes),
    );
  }

  /**
   * Read and replace one value with nobody in between; `change` returns undefined to leave it, null to delete it. When
   * this resolves it is on the disk.
   *
   * @param {StoreName} store
   * @param {string} key of a store without a key path
   * @param {(value: any) => any} change
   */
  async update(store, key, change) {
    await this.#use(
      async (db) => {
        const tx = db.transaction(store, "readwrite", { durability: "strict" });
        const value = change(await answer(tx.objectStore(store).get(key)));
        if (value === null) tx.objectStore(store).delete(key);
        else if (value !== undefined) tx.objectStore(store).put(value, key);
        await done(tx);
      },
      (memory) => {
        const value = change(memory.get(store, key));
        if (value !== undefined) memory.write([value === null ? { store, delete: key } : { store, put: value, key }]);
      },
    );
  }

  /** @param {StoreName[]} [stores] */
  async clear(stores = STORES) {
    await this.write(
      stores.map((store) => ({ store, clear: true })),
      { strict: true },
    );
  }

  /**
   * Work with the database; once more with a newly opened one when it was closed from outside, or else in memory.
   *
   * @template T
   * @param {(db: IDBDatabase) => T | Promise<T>} work
   * @param {(memory: Memory) => T} otherwise
   * @returns {Promise<T>}
   */
  async #use(work, otherwise) {
    for (let tries = 0; tries < 2; tries += 1) {
      const db = await this.#open();
      if (db === null) break;
      try {
        return await work(db);
      } catch (error) {
        if (error instanceof Problem) throw error;
        this.#opening = null;
      }
    }
    this.#setMode("memory");
    return otherwise(this.#memory);
  }

  /**
   * @param {IDBDatabase} db
   * @param {Change[]} changes
   * @param {boolean} strict
   */
  async #commit(db, changes, strict) {
    try {
      await commit(db, changes, strict);
      return;
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    /** @type {Change[]} */
    const caches = CACHES.map((store) => ({ store, clear: true }));
    await commit(db, caches, false).catch(() => undefined);
    try {
      await commit(db, changes, strict);
    } catch {
      this.#setMode("full");
      throw new Problem(STORAGE_FULL);
    }
  }

  /** @returns {Promise<IDBDatabase | null>} null: in memory */
  async #open() {
    if (this.#mode === "memory") return null;
    this.#opening ??= open(() => (this.#opening = null));
    try {
      return await this.#opening;
    } catch {
      this.#setMode("memory");
      return null;
    }
  }

  /** @param {Storage} mode */
  #setMode(mode) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.onMode(mode);
  }
}

/** The same in memory, for as long as the page lives. */
class Memory {
  /** @type {Record<StoreName, Map<string | number, any>>} */
  #stores = { kv: new Map(), outbox: new Map(), drafts: new Map(), rooms: new Map(), people: new Map() };

  /**
   * @param {StoreName} store
   * @param {string | number} key
   */
  get(store, key) {
    return this.#stores[store].get(key);
  }

  /** @param {StoreName} store */
  all(store) {
    return [...this.#stores[store].values()];
  }

  /** @param {Change[]} changes */
  write(changes) {
    for (const change of changes) {
      const store = this.#stores[change.store];
      if ("put" in change) store.set(change.key ?? change.put[KEY_PATHS[change.store] ?? ""], change.put);
      else if ("delete" in change) store.delete(change.delete);
      else store.clear();
    }
  }
}

/**
 * @param {() => void} onGone the database was closed from outside: open it again when it is needed
 * @returns {Promise<IDBDatabase>}
 */
function open(onGone) {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("the storage does not answer")), OPEN_TIMEOUT);
    const request = indexedDB.open(NAME, VERSION); // throws where storage is blocked
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store, { keyPath: KEY_PATHS[store] });
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const db = request.result;
      db.onclose = onGone; // somebody cleared the site's data
      db.onversionchange = () => {
        db.close(); // a newer page wants to change it, or to delete it
        onGone();
      };
      resolve(db);
    };
  });
}

/**
 * @param {IDBDatabase} db
 * @param {Change[]} changes
 * @param {boolean} strict
 */
function commit(db, changes, strict) {
  const names = new Set(changes.map((change) => change.store));
  const tx = db.transaction([...names], "readwrite", { durability: strict ? "strict" : "relaxed" });
  for (const change of changes) {
    const store = tx.objectStore(change.store);
    if ("put" in change) store.put(change.put, change.key);
    else if ("delete" in change) store.delete(change.delete);
    else store.clear();
  }
  const result = done(tx);
  tx.commit(); // without it a tab that is closed now takes its changes along
  return result;
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * @param {IDBTransaction} tx
 * @returns {Promise<void>}
 */
function done(tx) {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error);
  });
}

/** @param {unknown} error */
function isFull(error) {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

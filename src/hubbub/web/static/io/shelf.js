/**
 * Where an entry lies while the database writes it. A tab that is closed takes its transactions along, and what is set
 * here has left the page at once: what was said a millisecond before the end is still said. Nothing lies here for long.
 *
 * @template {{key: string}} T
 */
export class Shelf {
  #prefix;

  /** @param {string} prefix of the keys that are its own */
  constructor(prefix) {
    this.#prefix = prefix;
  }

  /** @param {T} entry */
  put(entry) {
    attempt(() => localStorage.setItem(this.#prefix + entry.key, JSON.stringify(entry)));
  }

  /** @param {string} key */
  drop(key) {
    attempt(() => localStorage.removeItem(this.#prefix + key));
  }

  /** @returns {T[]} */
  all() {
    /** @type {T[]} */
    const found = [];
    attempt(() => {
      for (const [key, value] of Object.entries(localStorage)) {
        if (key.startsWith(this.#prefix)) found.push(JSON.parse(value));
      }
    });
    return found;
  }

  clear() {
    for (const { key } of this.all()) this.drop(key);
  }
}

/**
 * Where there is no such storage, or no space in it, the database alone has to do.
 *
 * @param {() => void} work
 */
function attempt(work) {
  try {
    work();
  } catch {
    return;
  }
}

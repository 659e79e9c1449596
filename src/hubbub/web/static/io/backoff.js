/** How long to wait before the next attempt: exponential with full jitter, as the Python client has it. */

const BASE = 500; // milliseconds
const CAP = 30_000; // milliseconds

export class Backoff {
  #attempts = 0;
  #free;

  /** @param {number} [free] how many of the first delays are 0 */
  constructor(free = 0) {
    this.#free = free;
  }

  /** Milliseconds until the next attempt. */
  next() {
    const waited = this.#attempts - this.#free;
    this.#attempts += 1;
    return waited < 0 ? 0 : Math.min(CAP, BASE * 2 ** Math.min(waited, 16)) * Math.random();
  }

  /** It worked: begin with short delays again. */
  reset() {
    this.#attempts = 0;
  }
}

/** A token bucket: how fast a server lets frames come. */

export class Bucket {
  #tokens;
  #at = 0;

  /**
   * @param {number} rate tokens a millisecond; 0 = no limit
   * @param {number} burst tokens at once
   */
  constructor(rate, burst) {
    this.rate = rate;
    this.burst = burst;
    this.#tokens = burst;
    /** When there will be a token, if `take` found none. */
    this.readyAt = 0;
  }

  /**
   * Take a token, if there is one.
   *
   * @param {number} now milliseconds
   */
  take(now) {
    if (this.rate === 0) return true;
    this.#tokens = Math.min(this.burst, this.#tokens + (now - this.#at) * this.rate);
    this.#at = now;
    if (this.#tokens < 1) {
      this.readyAt = now + (1 - this.#tokens) / this.rate + 1; // by when rounding can't leave a part missing
      return false;
    }
    this.#tokens -= 1;
    this.readyAt = 0;
    return true;
  }
}

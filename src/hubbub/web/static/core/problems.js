/**
 * What can go wrong, as one kind of error with a sentence of the catalogue.
 *
 * @import {Words} from "./types.d.ts"
 */

/** Codes that this side adds to those of the server. */
export const UNREACHABLE = "unreachable"; // there was no answer: it may have happened, or not
export const NOT_UNDERSTOOD = "not_understood";
export const STORAGE_FULL = "storage_full";

const MAY_WORK_LATER = new Set(["rate_limited", "unavailable", "internal", UNREACHABLE, NOT_UNDERSTOOD]);

export class Problem extends Error {
  /**
   * @param {string} code a code of the server, or one of those above
   * @param {{detail?: string, field?: string, retryAfter?: number}} [more] `retryAfter` is in milliseconds
   */
  constructor(code, { detail = "", field, retryAfter } = {}) {
    super(detail || code);
    this.name = "Problem";
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
  }

  /** May the very same work later? */
  get retryable() {
    return MAY_WORK_LATER.has(this.code);
  }

  /** @returns {Words} */
  get words() {
    const seconds = Math.ceil((this.retryAfter ?? 0) / 1000);
    return { key: `error.${this.code}`, args: { detail: this.message, seconds } };
  }
}

/**
 * Whatever was thrown, as a problem; a defect of the page counts as `internal`.
 *
 * @param {unknown} error
 */
export function problemOf(error) {
  return error instanceof Problem ? error : new Problem("internal", { detail: String(error) });
}

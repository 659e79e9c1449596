/**
 * Where the reader is in a room, what was new when they came, and where the screen is asked to be.
 *
 * @import {Anchor, Row, Seq} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { isMine } from "./rows.js";

export class Position {
  anchor = signal(/** @type {Anchor | null} */ (null));
  newFrom = signal(/** @type {Seq | null} */ (null));
  /** The seqs of the first and the last row on the screen; 0 while that is not known. */
  first = 0;
  last = 0;
  atBottom = true;

  /**
   * The room is opened.
   *
   * @param {Seq | null} newFrom
   */
  begin(newFrom) {
    this.newFrom.value = newFrom;
    this.first = this.last = 0;
    this.atBottom = true;
  }

  /**
   * The screen shows these rows.
   *
   * @param {Seq} first
   * @param {Seq} last
   * @param {boolean} atBottom
   */
  see(first, last, atBottom) {
    this.first = first;
    this.last = last;
    this.atBottom = atBottom;
  }

  /**
   * Go to the first new message, or to the end.
   *
   * @param {Row[]} rows
   */
  goToStart(rows) {
    const since = this.newFrom.value;
    const first = since === null ? undefined : rows.find(({ seq, message }) => seq > since && !isMine(message));
    if (first === undefined) this.goTo("end", 0);
    else this.goTo("new", first.seq);
  }

  /**
   * @param {Anchor['at']} at
   * @param {Seq} seq
   */
  goTo(at, seq) {
    this.anchor.value = { at, seq, n: (this.anchor.value?.n ?? 0) + 1 };
  }
}

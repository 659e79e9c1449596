/**
 * Messages as rows, and what waits behind them. A row stays the same object while nothing of it has changed, so that
 * only what has changed is drawn anew.
 *
 * @import {Message, Pending, Row, Seq} from "../core/types.d.ts"
 */

import { batch, signal } from "@preact/signals-core";

import { tokens } from "./live.js";

export class Rows {
  rows = signal(/** @type {Row[]} */ ([]));
  pending = signal(/** @type {Pending[]} */ ([]));
  /** @type {Map<Seq, Row>} rows as they were */
  #made = new Map();

  /**
   * @param {Iterable<Message>} messages the oldest first
   * @param {Pending[]} entries of the outbox
   * @returns {boolean} has any row changed?
   */
  show(messages, entries) {
    const changes = new Map(entries.filter(({ kind }) => kind !== "send").map((entry) => [entry.target, entry]));
    /** @type {Map<Seq, Row>} */
    const made = new Map();
    /** @type {Set<string>} */
    const arrived = new Set();
    for (const message of messages) {
      const change = changes.get(message.seq);
      const before = this.#made.get(message.seq);
      const same = before !== undefined && before.message === message && before.change === change;
      made.set(message.seq, same ? before : rowOf(message, change));
      if (isMine(message) && message.client_id !== undefined) arrived.add(message.client_id);
    }
    const sameRows = made.size === this.rows.value.length && this.rows.value.every((row) => made.get(row.seq) === row);
    this.#made = made;
    batch(() => {
      if (!sameRows) this.rows.value = [...made.values()];
      this.pending.value = entries.filter(({ kind, key }) => kind === "send" && !arrived.has(key));
    });
    return !sameRows;
  }
}

/**
 * @param {Message} message
 * @param {Pending | undefined} change
 * @returns {Row}
 */
function rowOf(message, change) {
  const key = isMine(message) && message.client_id !== undefined ? message.client_id : String(message.seq);
  return change === undefined ? { key, seq: message.seq, message } : { key, seq: message.seq, message, change };
}

/** @param {Message} message */
export const isMine = ({ user_id }) => user_id === tokens.user?.id;

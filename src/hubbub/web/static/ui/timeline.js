/**
 * The window of a room's messages: real rows in normal flow, 72 to 140 of what the store holds, moved in small steps.
 *
 * Heights are never estimated. Before the rows change, one that can be seen is taken as the anchor; afterwards the
 * window is scrolled so that its text stands where it stood. The browser's own anchoring (`overflow-anchor`) jumps when
 * rows are put above, and is off. The same is done when rows change by themselves: Markdown that arrives, a text unfolded.
 */

import { Component, createRef } from "preact";
import { signal } from "@preact/signals";
import { html } from "./html.js";

/** @typedef {import("../core/types.d.ts").Row} Row */

const FEWEST = 72; // rows
const MOST = 140; // rows
const STEP = 12; // rows moved in a frame
const FIRST = 15; // rows of the first picture
const NEAR = 1200; // pixels to an edge, within which rows are put there
const AT_END = 32; // pixels from the end that still count as the end

/**
 * @typedef {object} WindowProps
 * @property {Row[]} rows all that are there, oldest first
 * @property {{ n: number, at: "end" | "new" | "row", seq: number }} anchor where to be; another `n` moves there
 * @property {boolean} atEnd are there none after?
 * @property {(place: Place) => void} onPlace where one is now; whoever holds the rows fetches more when it is near an edge
 * @property {() => void} onEnd the latest row is wanted
 * @property {(from: number, to: number) => unknown} draw the rows from (inclusive) to (exclusive)
 * @property {unknown} [before] what stands above the first row
 * @property {unknown} [after] what stands below the last row
 * @property {string} label
 *
 * @typedef {object} Place
 * @property {boolean} end is the latest row in sight?
 * @property {number} first seq of the first row that is in sight
 * @property {number} last seq of the last row that is in sight
 */

/** @extends {Component<WindowProps>} */
export class Timeline extends Component {
  box = /** @type {import("preact").RefObject<HTMLDivElement>} */ (createRef());
  list = /** @type {import("preact").RefObject<HTMLDivElement>} */ (createRef());
  /** The rows that are drawn, by seq: `from` to `to`, both inclusive; Infinity is the end, whatever comes. */
  range = signal({ from: 0, to: 0 });
  /** Does the window stay at the end as rows come? */
  pinned = false;
  /** Where the end was, when the window was last put there. */
  endTop = 0;
  /**
   * Where the text of a row was, and how far was scrolled then.
   * @type {{ element: Element, top: number, scrollTop: number } | null}
   */
  held = null;
  /** @type {number} */
  asked = -1;
  frame = 0;
  /** @type {ResizeObserver | undefined} */
  observer;
  /** Where focus goes when the row that has it is taken away. @type {"first" | "last"} */
  edge = "last";
  /** Is the latest row to have the focus once it is drawn? */
  focusEnd = false;
  /** Is a row to be shown once it is drawn? @type {import("./timeline.js").WindowProps["anchor"] | null} */
  wanted = null;

  /** @param {WindowProps} props */
  constructor(props) {
    super(props);
    this.aim(props);
  }

  /** Draw a few rows around what is asked for; the others follow a step a frame. @param {WindowProps} props */
  aim({ rows, anchor }) {
    this.asked = anchor.n;
    this.wanted = anchor;
    this.pinned = anchor.at === "end";
    const at = anchor.at === "end" ? rows.length : Math.max(0, indexOf(rows, anchor.seq));
    const from = Math.max(0, at - (anchor.at === "end" ? FIRST : Math.floor(FIRST / 3)));
    const to = Math.min(rows.length, from + FIRST);
    this.range.value = { from: seqAt(rows, from), to: to === rows.length ? Infinity : seqAt(rows, to - 1) };
  }

  /** The drawn rows as indexes, `to` exclusive. */
  indexes(rows = this.props.rows) {
    const { from, to } = this.range.value;
    return {
      from: Math.min(indexOf(rows, from), rows.length),
      to: to === Infinity ? rows.length : indexOf(rows, to + 1),
    };
  }

  /** @override */
  componentDidMount() {
    const box = /** @type {HTMLElement} */ (this.box.current);
    box.addEventListener("scroll", this.scrolled, { passive: true });
    this.observer = new ResizeObserver(() => this.hold());
    this.observer.observe(/** @type {HTMLElement} */ (this.list.current));
    this.observer.observe(box);
    this.settle();
  }

  /** @override */
  componentWillUnmount() {
    this.box.current?.removeEventListener("scroll", this.scrolled);
    this.observer?.disconnect();
    cancelAnimationFrame(this.frame);
  }

  /** @override @param {WindowProps} next */
  componentWillReceiveProps(next) {
    if (next.anchor.n !== this.asked) this.aim(next);
    else if (!this.pinned && this.indexes().from === 0) this.cover(next.rows);
  }

  /**
   * Rows have come before the first: what stood above that one goes. Some of them are drawn at once, for without
   * anything above it there is no scrolling to where it stood.
   * @param {Row[]} rows
   */
  cover(rows) {
    const { from, to } = this.indexes(rows);
    if (from > 0) this.move(rows, Math.max(0, from - STEP), to, "newest");
  }

  /** @override */
  getSnapshotBeforeUpdate() {
    if (this.pinned && this.hasLeft()) this.pinned = false;
    this.take();
    const focused = document.activeElement?.closest(".row");
    return focused && this.list.current?.contains(focused) ? focused : null;
  }

  /** @override @param {unknown} _props @param {unknown} _state @param {Element | null} focused */
  componentDidUpdate(_props, _state, focused) {
    if (focused && !focused.isConnected) this.focusRow(this.edge === "first" ? 0 : -1);
    this.settle();
  }

  /** Take hold of the first row that can be seen. */
  take() {
    const box = this.box.current;
    if (!box) return;
    const edge = box.getBoundingClientRect().top;
    const element = this.rowAt(edge + 1);
    const { scrollTop } = box;
    this.held = element ? { element, top: textTop(element) - edge, scrollTop } : null;
  }

  /** Somebody has scrolled up from the end, and its event has not come yet. */
  hasLeft() {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = this.box.current ?? {};
    return scrollTop < this.endTop - 1 && scrollHeight - clientHeight - scrollTop > AT_END;
  }

  /** Go to the end, and know it. */
  toEnd() {
    const box = /** @type {HTMLElement} */ (this.box.current);
    box.scrollTop = box.scrollHeight;
    this.endTop = box.scrollTop;
  }

  /** Scroll so that what is held is where it was. */
  hold() {
    const box = this.box.current;
    if (!box) return;
    if (this.pinned && this.hasLeft()) this.pinned = false;
    if (this.pinned) return this.toEnd();
    const { held } = this;
    if (!held?.element.isConnected) return;
    // Somebody has scrolled, and its event has not come yet. At the very end it may be that rows have gone.
    const toEnd = box.scrollHeight - box.clientHeight - box.scrollTop;
    if (Math.abs(box.scrollTop - held.scrollTop) > 1 && toEnd > 1) return this.take();
    const off = textTop(held.element) - box.getBoundingClientRect().top - held.top;
    if (Math.abs(off) >= 0.5) box.scrollTop += off;
    held.scrollTop = box.scrollTop;
  }

  /** After the rows have changed: show what was asked for, or stay; then see whether more rows are needed. */
  settle() {
    if (!this.show()) this.hold();
    this.schedule();
  }

  /** Scroll to what was asked for, once its row is drawn. */
  show() {
    const box = this.box.current;
    const { wanted } = this;
    if (!wanted || !box || this.props.rows.length === 0) return false;
    this.wanted = null;
    if (wanted.at === "end") {
      this.toEnd();
      if (this.focusEnd) this.focusRow(-1);
      this.focusEnd = false;
      return true;
    }
    const row = this.rowOf(wanted.seq);
    if (!row) return false;
    const height = box.clientHeight;
    const place = wanted.at === "new" ? Math.min(160, height / 4) : Math.max(48, (height - row.clientHeight) / 3);
    const top = () => row.getBoundingClientRect().top - box.getBoundingClientRect().top;
    box.scrollTop += top() - place;
    // Too few rows are drawn below it: again, when there are more.
    if (top() > place + 1 && this.indexes().to < this.props.rows.length) this.wanted = wanted;
    if (wanted.at === "row") {
      row.focus({ preventScroll: true });
      row.classList.add("found");
      row.addEventListener("animationend", () => row.classList.remove("found"), { once: true });
    }
    this.take();
    return true;
  }

  scrolled = () => {
    this.take();
    this.schedule();
  };

  schedule() {
    if (!this.frame)
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.step();
      });
  }

  /** One move: rows put at the nearer edge, and others taken from the farther one. */
  step() {
    const box = this.box.current;
    if (!box || this.props.rows.length === 0) return;
    const { rows } = this.props;
    const { from, to } = this.indexes();
    const above = box.scrollTop;
    const below = box.scrollHeight - box.clientHeight - box.scrollTop;
    this.pinned = to === rows.length && this.props.atEnd && below <= AT_END;
    this.tell();
    const needsOlder = from > 0 && (above < NEAR || to - from < FEWEST);
    const needsNewer = to < rows.length && (below < NEAR || to - from < FEWEST);
    if (needsOlder && (!needsNewer || above <= below)) this.move(rows, Math.max(0, from - STEP), to, "newest");
    else if (needsNewer) this.move(rows, from, Math.min(rows.length, to + STEP), "oldest");
    else if (to - from > MOST) this.move(rows, from, to, above > below ? "oldest" : "newest");
  }

  /** @param {Row[]} rows @param {number} from @param {number} to @param {"oldest" | "newest"} spare which go first */
  move(rows, from, to, spare) {
    const many = to - from > MOST;
    const start = many && spare === "oldest" ? Math.min(to - MOST, from + 2 * STEP) : from;
    const stop = many && spare === "newest" ? Math.max(from + MOST, to - 2 * STEP) : to;
    this.edge = spare === "oldest" ? "first" : "last";
    this.range.value = { from: seqAt(rows, start), to: stop === rows.length ? Infinity : seqAt(rows, stop - 1) };
  }

  /** Say what is in sight. A row counts as seen when its end is. */
  tell() {
    const { top, bottom } = /** @type {HTMLElement} */ (this.box.current).getBoundingClientRect();
    const rows = this.articles();
    const first = this.rowAt(top + 1);
    const cut = this.rowAt(bottom + 1);
    const last = cut ? (rows[rows.indexOf(cut) - 1] ?? cut) : rows.at(-1);
    if (!first || !last) return;
    this.props.onPlace({ end: this.pinned, first: Number(first.dataset.seq), last: Number(last.dataset.seq) });
  }

  /** @returns {HTMLElement[]} */
  articles() {
    return /** @type {HTMLElement[]} */ ([...(this.list.current?.querySelectorAll(":scope > .row") ?? [])]);
  }

  /** The first row that reaches below this height on the screen. @param {number} y */
  rowAt(y) {
    const rows = this.articles();
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {HTMLElement} */ (rows[middle]).getBoundingClientRect().bottom <= y) low = middle + 1;
      else high = middle;
    }
    return rows[low] ?? null;
  }

  /** @param {number} seq */
  rowOf(seq) {
    return this.articles().find((row) => Number(row.dataset.seq) >= seq) ?? null;
  }

  /** @param {number} index from the end when negative */
  focusRow(index) {
    this.articles().at(index)?.focus({ preventScroll: true });
  }

  /**
   * Arrows go from row to row, Home and End to the first that is drawn and to the latest.
   * @param {KeyboardEvent} event
   */
  walk = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Tab") return this.leave(event);
    if (target.matches("pre, .table") && event.key !== "Escape") return; // arrows scroll it
    const rows = this.articles();
    const now = rows.indexOf(/** @type {HTMLElement} */ (target.closest(".row")));
    const { top = 0, bottom = 0 } = this.box.current?.getBoundingClientRect() ?? {};
    let next;
    if (event.key === "ArrowUp") next = now < 0 ? (this.rowAt(bottom - 1) ?? rows.at(-1)) : rows[now - 1];
    else if (event.key === "ArrowDown") next = now < 0 ? this.rowAt(top + 1) : rows[now + 1];
    else if (event.key === "Home") next = rows[0];
    else if (event.key === "End") {
      event.preventDefault();
      this.focusEnd = true;
      return this.props.onEnd();
    }
    if (!next) return;
    event.preventDefault();
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };

  /**
   * Tab goes through one row and then out: not through all the links and blocks of code that happen to be drawn.
   * @param {KeyboardEvent} event
   */
  leave(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const row = target.closest(".row");
    const stops = row ? [row, ...row.querySelectorAll("a[href], button:not([tabindex='-1']), [tabindex='0']")] : [];
    const next = stops[stops.indexOf(target) + (event.shiftKey ? -1 : 1)];
    if (next || (event.shiftKey && !row)) return;
    event.preventDefault();
    if (event.shiftKey) this.box.current?.focus();
    else /** @type {HTMLElement | null} */ (document.querySelector(".to-latest, #composer-text"))?.focus();
  }

  /** @override */
  render() {
    const { from, to } = this.indexes();
    const { rows, draw, before, after, label } = this.props;
    return html`<div ref=${this.box} class="window" role="region" tabindex="0" aria-label=${label}
        onKeyDown=${this.walk}>
      <div ref=${this.list} class="rows">
        ${from === 0 && before}
        ${draw(from, to)}
        ${to === rows.length && after}
      </div>
    </div>`;
  }
}

/** Where its text begins: the author, above, goes when a row of the same one is put before. @param {Element} row */
const textTop = (row) => (row.querySelector(".text, .gone") ?? row).getBoundingClientRect().top;

/** The index of the first row that is not before `seq`. @param {Row[]} rows @param {number} seq */
function indexOf(rows, seq) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {Row} */ (rows[middle]).seq < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Row[]} rows @param {number} index */
const seqAt = (rows, index) => rows[index]?.seq ?? 0;

/** Where messages are written. What is typed is kept as a draft until it is sent. */

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n/language.js";
import { cancel, draft, replyTo, setText, startEdit, stopEdit, submit } from "../store/compose.js";
import { nameOf } from "../store/people.js";
import { me as user } from "../store/session.js";
import { timeline } from "../store/timelines.js";
import { EmojiButton } from "./emoji.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { cap } from "./shortcuts.js";
import { lineOf } from "./text.js";

/** @typedef {import("../core/types.d.ts").RoomView} RoomView */
/** @typedef {import("../core/types.d.ts").RoomId} RoomId */

const MOST = 16 * 1024; // bytes of UTF-8 that a message may have
const TOLD = 1024; // bytes left, from which on they are told
const TOUCHED = matchMedia("(pointer: coarse)"); // Enter begins a line there: the button sends
const GROWS = CSS.supports("field-sizing", "content");
const encoder = new TextEncoder();

/** Edit a message in the composer. @param {RoomId} roomId @param {number} seq */
export function beginEdit(roomId, seq) {
  startEdit(roomId, seq);
  focusComposer();
}

/** Answer a message. @param {RoomId} roomId @param {number} seq */
export function beginReply(roomId, seq) {
  replyTo(roomId, seq);
  focusComposer();
}

/**
 * Take back what the server refused, to say it otherwise; what is being written stays below it.
 * @param {import("../core/types.d.ts").Pending} pending
 */
export function takeBack({ key, room_id, text, reply_to }) {
  if (!cancel(key)) return; // it may be in the room already
  stopEdit(room_id);
  if (reply_to !== undefined && draft(room_id).peek().reply_to === undefined) replyTo(room_id, reply_to);
  setText(room_id, [text, draft(room_id).peek().text].filter(Boolean).join("\n\n"));
  focusComposer();
}

/** Go to where messages are written: at once, since the next key may come already; then behind what is shown there. */
function focusComposer() {
  const field = () => /** @type {HTMLTextAreaElement | null} */ (document.querySelector("#composer-text"));
  field()?.focus();
  requestAnimationFrame(() => {
    const shown = field();
    shown?.focus(); // a menu that has closed meanwhile gave the focus back
    shown?.setSelectionRange(shown.value.length, shown.value.length);
  });
}

/** Shift-Tab goes to the window of messages, not into its last row. @param {KeyboardEvent} event */
export function backToWindow(event) {
  const before = event.target instanceof HTMLTextAreaElement ? ".to-latest, .window" : ".window";
  if (event.key !== "Tab" || !event.shiftKey) return;
  const all = [...document.querySelectorAll(before)];
  const next = /** @type {HTMLElement | undefined} */ (all.at(-1));
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** @param {{ room: RoomView }} props */
export function Composer({ room }) {
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const { id } = room;
  const { text, reply_to, editing } = draft(id).value;
  const left = text.length * 3 > MOST - TOLD ? MOST - encoder.encode(text).length : MOST;
  const ready = text.trim() !== "" && left >= 0;

  useEffect(() => {
    const busy = document.activeElement && !document.activeElement.matches("body, .room-link");
    if (!busy && !TOUCHED.matches) field.current?.focus({ preventScroll: true });
  }, [id]);
  useLayoutEffect(() => {
    if (!GROWS && field.current) grow(field.current);
  }, [text]);

  const send = () => {
    if (!ready) return;
    submit(id);
    field.current?.focus();
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing) return;
    if (event.key === "Tab") return backToWindow(event);
    if (
      event.key === "Enter" &&
      !event.shiftKey &&
      !event.altKey &&
      (!TOUCHED.matches || event.ctrlKey || event.metaKey)
    )
      send();
    else if (event.key === "Escape" && editing !== undefined) stopEdit(id);
    else if (event.key === "Escape" && reply_to !== undefined) replyTo(id, null);
    else if (event.key === "ArrowUp" && text === "" && !event.shiftKey) editLast(id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const insert = (/** @type {string} */ emoji) => {
    const { current } = field;
    if (!current) return;
    current.focus();
    current.setRangeText(emoji, current.selectionStart, current.selectionEnd, "end");
    setText(id, current.value);
  };

  return html`<form class="composer" aria-label=${t("messageTo", { name: room.name })} onSubmit=${(
    /** @type {Event} */ event,
  ) => {
    event.preventDefault();
    send();
  }}>
    <div class="box">
      ${editing !== undefined && html`<${About} icon="edit" text=${t("editingMessage")} stop=${t("stopEditing")}
          onStop=${() => stopEdit(id)} />`}
      ${reply_to !== undefined && html`<${About} icon="reply" text=${replyWords(id, reply_to)}
          stop=${t("stopReplying")} onStop=${() => replyTo(id, null)} />`}
      <div class="line">
        <textarea ref=${field} id="composer-text" rows="1" dir="auto" value=${text}
          enterkeyhint=${TOUCHED.matches ? "enter" : "send"}
          placeholder=${t("messageTo", { name: room.kind === "channel" ? `#${room.name}` : room.name })} aria-label=${t("messageTo", { name: room.name })}
          aria-describedby=${left < TOLD ? "composer-left" : undefined} aria-invalid=${left < 0}
          onInput=${(/** @type {InputEvent} */ event) => setText(id, /** @type {HTMLTextAreaElement} */ (event.target).value)}
          onKeyDown=${press}></textarea>
        ${!TOUCHED.matches && html`<${EmojiButton} onPick=${insert} />`}
        <button type="submit" class="icon-button send" disabled=${!ready}
          aria-label=${editing === undefined ? t("send") : t("saveEdit")}
          data-hint=${editing === undefined ? t("send") : t("saveEdit")} onPointerDown=${keepFocus}>
          <${Icon} name=${editing === undefined ? "send" : "check"} size=${18} />
        </button>
      </div>
    </div>
    <div class="below">
      <span class="keys">${t("keysHint", { send: cap("Enter"), line: `${cap("Shift")} ${cap("Enter")}`, help: "?" })}</span>
      ${left < TOLD && html`<span id="composer-left"
          class=${left < 0 ? "bad" : "count"} role="status">${left < 0 ? t("bytesOver", { n: -left }) : t("bytesLeft", { n: left })}</span>`}
    </div>
  </form>`;
}

/**
 * What the composer is about, if it is no new message.
 * @param {{ icon: import("./icon.js").IconName, text: string, stop: string, onStop: () => void }} props
 */
function About({ icon, text, stop, onStop }) {
  return html`<div class="about">
    <${Icon} name=${icon} size=${14} /><span class="clip" dir="auto">${text}</span>
    <button type="button" class="icon-button" aria-label=${stop} data-hint=${stop} onClick=${onStop}><${Icon}
      name="close" size=${14} /></button>
  </div>`;
}

/** @param {RoomId} id @param {number} seq */
function replyWords(id, seq) {
  const message = timeline(id).message(seq);
  if (!message) return t("replyingTo", { name: t("earlierMessage") });
  return `${t("replyingTo", { name: nameOf(message.user_id) })} · ${lineOf(message)}`;
}

/** The last message of one's own, as far as it is here. @param {RoomId} id */
function editLast(id) {
  const rows = timeline(id).rows.peek();
  const last = rows.findLast(({ message }) => message.user_id === user.peek()?.id && !message.deleted_at);
  if (last) beginEdit(id, last.seq);
}

/** A finger on the button must not shut the keyboard. @param {Event} event */
const keepFocus = (event) => event.preventDefault();

/** For browsers in which a field does not grow by itself. @param {HTMLTextAreaElement} field */
function grow(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

/** One message: who, when, what; whether it has arrived; and what can be done with it. */

import { useEffect, useRef, useState } from "preact/hooks";
import { displayName, handle } from "../core/format.js";
import { bareTime, clockTime, t, wholeTime } from "../i18n/language.js";
import { cancel, retry } from "../store/compose.js";
import { person } from "../store/people.js";
import { Avatar } from "./avatar.js";
import { copy } from "./clipboard.js";
import { takeBack } from "./composer.js";
import { useFocusHandedOn } from "./focus.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";
import { actionsOf } from "./message-actions.js";
import { showPerson } from "./person.js";
import { lineOf, Text } from "./text.js";
import { say } from "./words.js";

/** @typedef {import("../core/types.d.ts").Row} Row */
/** @typedef {import("../core/types.d.ts").Pending} Pending */

/**
 * @param {{ row: Row, first: boolean, editing: boolean, quoted?: import("../core/types.d.ts").Message,
 *   moderates: boolean, onQuote: (seq: number) => void }} props `first` of a group: with its author
 */
export function MessageRow({ row, first, editing, quoted, moderates, onQuote }) {
  const [near, setNear] = useState(false);
  const { message, change } = row;
  const author = person(message.user_id).value;
  const name = displayName(author) || t("somebody");
  const username = handle(author);
  const date = new Date(message.at);
  const deleted = Boolean(message.deleted_at);
  const sending = change?.kind === "send";
  const actions = deleted || sending ? [] : actionsOf(message, moderates);
  const time = html`<time datetime=${message.at} data-hint=${wholeTime(date)}>${first ? clockTime(date) : bareTime(date)}</time>`;

  return html`<article
      class=${classes("row", first && "first", sending && change.state !== "failed" && "pending", change?.state === "failed" && "failed", editing && "editing")}
    tabindex="-1" data-seq=${row.seq} data-key=${row.key} aria-label=${label(username ? `${name} ${username}` : name, date, message)}
    onPointerEnter=${() => setNear(true)} onFocusIn=${() => setNear(true)}
    onPointerLeave=${(/** @type {PointerEvent} */ event) => holds(event, document.activeElement) || setNear(false)}
    onFocusOut=${(/** @type {FocusEvent} */ event) => holds(event, event.relatedTarget) || setNear(false)}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => press(event, actions)}>
    <div class="gutter">${first ? html`<${Avatar} id=${message.user_id} name=${name} />` : time}</div>
    <div class="said">
      ${
        first &&
        html`<div class="by">
        ${
          author
            ? html`<button type="button" class="author" tabindex=${near ? 0 : -1}
                onClick=${() => showPerson(author)}><bdi>${name}</bdi></button>`
            : html`<span class="author">${name}</span>`
        }
        ${username && html`<span class="handle">${username}</span>`}
        ${time}
      </div>`
      }
      ${message.reply_to !== undefined && html`<${Quote} seq=${message.reply_to} quoted=${quoted}
          onQuote=${onQuote} />`}
      ${deleted ? html`<p class="gone">${t("messageDeleted")}</p>` : html`<${Text} message=${message} />`}
      ${message.edited_at && !deleted && html`<span class="edited"
          data-hint=${wholeTime(new Date(message.edited_at))}>${t("edited")}</span>`}
      ${change && html`<${Change} change=${change} />`}
    </div>
    ${
      near &&
      actions.length > 0 &&
      html`<div class="tools" role="group" aria-label=${t("messageActions")}>
      ${actions.map(
        (action) => html`<button key=${action.icon} type="button" class=${classes("icon-button", action.bad && "bad")}
          aria-label=${action.label} data-hint=${action.label} onClick=${action.act}><${Icon}
            name=${action.icon} /></button>`,
      )}
    </div>`
    }
  </article>`;
}

/**
 * Is this inside what the event is about? Tools that go while the focus is on its way to them would lose it.
 * @param {Event} event
 * @param {EventTarget | null} target
 */
const holds = ({ currentTarget }, target) =>
  /** @type {Element} */ (currentTarget).contains(/** @type {Node | null} */ (target));

/**
 * What a screen reader says of the row before its text.
 * @param {string} name
 * @param {Date} date
 * @param {import("../core/types.d.ts").Message} message
 */
function label(name, date, message) {
  const text = message.deleted_at ? t("messageDeleted") : lineOf(message);
  return t("messageLabel", { name, time: clockTime(date), text });
}

/** @param {KeyboardEvent} event @param {import("./message-actions.js").Action[]} actions */
function press(event, actions) {
  // After a press of the mouse the row has the focus as well: what is typed then is no command.
  const row = /** @type {Element} */ (event.currentTarget);
  if (event.target !== row || !row.matches(":focus-visible") || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = actions.find(({ key }) => key === event.key.toLowerCase());
  if (!action) return;
  event.preventDefault();
  action.act();
}

/**
 * What it answers.
 * @param {{ seq: number, quoted?: import("../core/types.d.ts").Message, onQuote: (seq: number) => void }} props
 */
function Quote({ seq, quoted, onQuote }) {
  const author = quoted && person(quoted.user_id).value;
  return html`<button type="button" class="quote" onClick=${() => onQuote(seq)} aria-description=${t("goToQuoted")}>
    <${Icon} name="reply" size=${14} />
    ${
      quoted
        ? html`<strong class="clip"><bdi>${displayName(author)}</bdi></strong>
          <span class="clip" dir="auto">${quoted.deleted_at ? t("messageDeleted") : lineOf(quoted)}</span>`
        : html`<span class="clip">${t("earlierMessage")}</span>`
    }
  </button>`;
}

const PROGRESS = Object.freeze({
  send: Object.freeze({ waiting: "waitingForNetwork", sending: "sending", failed: "notSent" }),
  edit: Object.freeze({ waiting: "waitingForNetwork", sending: "saving", failed: "notSaved" }),
  delete: Object.freeze({ waiting: "waitingForNetwork", sending: "deleting", failed: "notDeleted" }),
});

const PATIENCE = 400; // milliseconds under way that are not worth a word

/** Is it a while since this was first here? @param {string} key */
function useLate(key) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [key]);
  return late;
}

/** How far a change has come that the server has not confirmed. @param {{ change: Pending }} props */
function Change({ change }) {
  const late = useLate(change.key);
  const words = t(PROGRESS[change.kind][change.state]);
  if (change.state === "failed") return html`<${Refused} change=${change} words=${words} />`;
  if (change.state === "sending" && !late) return null;
  return html`<p class="meta"><${Icon} name="clock" size=${12} />${words}</p>`;
}

/** What the server refused, and what can be done about it. @param {{ change: Pending, words: string }} props */
function Refused({ change, words }) {
  const ref = useRef(null);
  useFocusHandedOn(ref);
  return html`<p ref=${ref} class="meta bad" role="alert">
    <${Icon} name="alert" size=${14} />
    <span>${words}${change.problem && ` ${say(change.problem)}`}</span>
    <button type="button" class="link" onClick=${() => retry(change.key)}>${t("retry")}</button>
    ${change.kind === "send" && html`<button type="button" class="link"
        onClick=${() => takeBack(change)}>${t("edit")}</button>`}
    ${change.kind === "edit" && html`<button type="button" class="link"
        onClick=${() => copy(change.text)}>${t("copyText")}</button>`}
    <button type="button" class="link bad" onClick=${() => cancel(change.key)}>${t("discard")}</button>
  </p>`;
}

/** A room's messages and the composer below them: the rows of the store, drawn in groups and days. */

import { computed } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import { displayName, sameDay } from "../core/format.js";
import { dayName, t } from "../i18n/language.js";
import { draft } from "../store/compose.js";
import { joinChannel } from "../store/rooms.js";
import { me as user } from "../store/session.js";
import { timeline as timelineOf } from "../store/timelines.js";
import { RoomAvatar } from "./avatar.js";
import { backToWindow, Composer } from "./composer.js";
import { showDirectory } from "./directory.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";
import { Bones, Failed } from "./load.js";
import { showInvite } from "./members.js";
import { MessageRow } from "./message.js";
import { Receipt } from "./receipt.js";
import { editRoom } from "./room-dialog.js";
import { go } from "./routes.js";
import { Timeline } from "./timeline.js";
import { Typing } from "./typing.js";
import { say } from "./words.js";

/** @typedef {import("../core/types.d.ts").RoomView} RoomView */
/** @typedef {import("../core/types.d.ts").Row} Row */
/** @typedef {import("../core/types.d.ts").Pending} Pending */

const TOGETHER = 5 * 60_000; // milliseconds between two messages of a group
const PENDING = 2 ** 50; // above every seq: what has none yet stands at the end

/** @param {{ id: number, room?: RoomView }} props */
export function Conversation({ id, room }) {
  const timeline = timelineOf(id);
  const all = useMemo(
    () => computed(() => [...timeline.rows.value, ...timeline.pending.value.map(rowOfPending)]),
    [id],
  );
  const rows = all.value;
  const status = timeline.status.value;

  if (status === "gone") return html`<${Gone} id=${id} reason=${timeline.gone.value ?? "not_found"} />`;
  if (status === "failed") {
    const { value } = timeline.problem;
    return html`<${Failed} problem=${value ? say(value) : t("messagesFailed")} again=${() => timeline.reload()} />`;
  }
  if (!room || (status === "loading" && rows.length === 0))
    return html`<div class="window"><${Bones} lines=${5} /></div>`;
  return html`${status === "stale" && html`<div class="connection" role="status"><${Icon} name="offline"
      size=${14} /><span>${t("offlineRoom")}</span></div>`}
    <${Messages} room=${room} rows=${rows} timeline=${timeline} /><${Composer} room=${room} />`;
}

/** @param {{ room: RoomView, rows: Row[], timeline: ReturnType<typeof timelineOf> }} props */
function Messages({ room, rows, timeline }) {
  const [atEnd, setAtEnd] = useState(true);
  const me = user.value?.id;
  const editing = useMemo(() => computed(() => draft(room.id).value.editing), [room.id]).value;
  const newFrom = timeline.newFrom.value;
  const firstNew =
    newFrom === null ? -1 : rows.findIndex(({ seq, message }) => seq > newFrom && message.user_id !== me);
  const moderates = room.kind !== "direct" && room.role !== "member";
  const onQuote = useMemo(() => (/** @type {number} */ seq) => timeline.jumpTo(seq), [timeline]);
  const bySeq = useMemo(() => new Map(rows.map((row) => [row.seq, row.message])), [rows]);

  const draw = (/** @type {number} */ from, /** @type {number} */ to) =>
    rows.slice(from, to).flatMap((row, offset) => {
      const index = from + offset;
      const before = rows[index - 1];
      const day = !before || !sameDay(before.message.at, row.message.at);
      const fresh = index === firstNew;
      const { reply_to } = row.message;
      return [
        day && html`<div key=${`day-${row.key}`} class="day"><span>${dayName(new Date(row.message.at))}</span></div>`,
        fresh && html`<div key="new" class="new-line" role="separator"><span>${t("new")}</span></div>`,
        html`<${MessageRow} key=${row.key} row=${row} first=${day || fresh || !continues(before, row)}
            moderates=${moderates} editing=${row.seq === editing}
          quoted=${reply_to === undefined ? undefined : bySeq.get(reply_to)} onQuote=${onQuote} />`,
      ];
    });

  return html`<div class="window-frame">
    <${Timeline} rows=${rows} anchor=${timeline.anchor.value ?? NOWHERE}
      label=${t("timelineLabel", { name: room.name })}
      atEnd=${timeline.atEnd.value} draw=${draw}
      onEnd=${() => timeline.jumpToLatest()}
      onPlace=${(/** @type {import("./timeline.js").Place} */ place) => {
        setAtEnd(place.end);
        timeline.view(place.first, Math.min(place.last, lastSeq(timeline.rows.value)), place.end);
      }}
      before=${timeline.atStart.value ? html`<${Start} room=${room} />` : html`<div
          class="edge-note">${timeline.loadingOlder.value && html`<span class="spinner" role="status"
          aria-label=${t("loading")}></span>`}</div>`}
      after=${timeline.atEnd.value ? html`<${Receipt} room=${room} rows=${rows} />` : html`<div
          class="edge-note"><span class="spinner" role="status" aria-label=${t("loading")}></span></div>`} />
    ${(!atEnd || !timeline.atEnd.value) && html`<${ToLatest} n=${timeline.newCount.value}
        onJump=${() => timeline.jumpToLatest()} />`}
  </div>
  <${Typing} id=${room.id} />`;
}

/** Before the store has said where to be. */
const NOWHERE = Object.freeze({ n: 0, at: /** @type {const} */ ("end"), seq: 0 });

/** @param {Row[]} rows */
const lastSeq = (rows) => rows.at(-1)?.seq ?? 0;

/** @param {Row | undefined} before @param {Row} row */
function continues(before, row) {
  if (!before || before.message.user_id !== row.message.user_id || row.message.reply_to !== undefined) return false;
  return Date.parse(row.message.at) - Date.parse(before.message.at) < TOGETHER;
}

/** What has no number yet, as a row. @type {WeakMap<Pending, Row>} */
const pendingRows = new WeakMap();

/** @param {Pending} pending @param {number} index */
function rowOfPending(pending, index) {
  const known = pendingRows.get(pending);
  const seq = PENDING + index;
  if (known?.seq === seq) return known;
  const { room_id, user_id, at, text, key, reply_to } = pending;
  const message = { room_id, seq, user_id, at, text, client_id: key, ...(reply_to === undefined ? {} : { reply_to }) };
  const row = { key, seq, message, change: pending };
  pendingRows.set(pending, row);
  return row;
}

/** @param {{ n: number, onJump: () => void }} props */
function ToLatest({ n, onJump }) {
  return html`<button type="button"
      class=${classes("to-latest", n > 0 && "new")} onClick=${onJump} onKeyDown=${backToWindow}>
    ${n > 0 ? t("newMessages", { n }) : t("toLatest")}<${Icon} name="down" size=${14} />
  </button>`;
}

/** Above the first message: what this room is. @param {{ room: RoomView }} props */
function Start({ room }) {
  const direct = room.kind === "direct";
  const title = t(direct ? "startDirect" : "startRoom", { name: direct ? displayName(room.peer) : room.name });
  const keeps = !direct && room.role !== "member";
  return html`<div class="start">
    <${RoomAvatar} room=${room} size="large" />
    <h2>${title}</h2>
    <p dir="auto">${room.topic || t(direct ? "startDirectText" : room.kind === "channel" ? "startChannelText" : "startGroupText")}</p>
    ${
      keeps &&
      html`<div class="actions">
      <button type="button" class="button" onClick=${() => showInvite(room)}><${Icon}
        name="user-plus" />${t("addPeople")}</button>
      ${!room.topic && html`<button type="button" class="button" onClick=${() => editRoom(room)}><${Icon}
          name="edit" />${t("addTopic")}</button>`}
    </div>`
    }
  </div>`;
}

/**
 * A room that cannot be shown, and where to go from here.
 * @param {{ id: number, reason: import("../core/types.d.ts").Gone }} props
 */
function Gone({ id, reason }) {
  const [joining, setJoining] = useState(false);
  const join = async () => {
    setJoining(true);
    await joinChannel(id);
    setJoining(false);
  };
  return html`<div class="empty" role="alert">
    <span class="mark"><${Icon} name=${reason === "forbidden" ? "hash" : "door"} size=${22} /></span>
    <h2>${t(`gone.${reason}`)}</h2>
    <p>${t(reason === "forbidden" ? "joinToRead" : "goneHint")}</p>
    <div class="actions">
      ${
        reason === "forbidden"
          ? html`<button type="button" class="button primary" aria-busy=${joining}
              onClick=${join}>${t("joinChannel")}</button>`
          : html`<button type="button" class="button primary" onClick=${showDirectory}>${t("browseChannels")}</button>`
      }
      <button type="button" class="button" onClick=${() => go(null)}>${t("toList")}</button>
    </div>
  </div>`;
}

/**
 * What the user is about to say, and what becomes of it. Drafts are kept on this device with every input, and told to the
 * other tabs; what is sent goes through the outbox, which sends it again until the room shows it.
 *
 * @import {ReadonlySignal, Signal} from "@preact/signals-core"
 * @import {Draft, Pending, RoomId, Seq} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { toast } from "./announce.js";
import { appeared, connection, db, emptied, gone, line, outbox, outboxChanged, refused, tabs } from "./live.js";
import { current } from "./screen.js";
import { ask, heldRoom } from "./sync.js";
import { timeline } from "./timelines.js";
import { tellTyping } from "./typing.js";

/** @type {Map<RoomId, Signal<Draft>>} */
const drafts = new Map();
/** @type {Set<RoomId>} drafts that have to be written */
const unwritten = new Set();
let writing = false;

/** What was written in rooms that one is not in any more, and can never be sent. It stays until it is cancelled. */
export const stranded = signal(/** @type {Pending[]} */ ([]));

/** How many things wait in the outbox, of all tabs. */
export const unsent = () => outbox.count();

/**
 * @param {RoomId} roomId
 * @returns {ReadonlySignal<Draft>}
 */
export const draft = (roomId) => cell(roomId);

/**
 * @param {RoomId} roomId
 * @param {string} text
 */
export function setText(roomId, text) {
  const { value } = cell(roomId);
  if (value.text === text) return;
  set(roomId, { ...value, text });
  tellTyping(roomId, text.trim() !== "" && value.editing === undefined);
}

/**
 * @param {RoomId} roomId
 * @param {Seq | null} seq
 */
export function replyTo(roomId, seq) {
  stopEdit(roomId);
  const { text } = cell(roomId).value;
  set(roomId, seq === null ? { text } : { text, reply_to: seq });
}

/**
 * @param {RoomId} roomId
 * @param {Seq} seq
 */
export function startEdit(roomId, seq) {
  const message = timeline(roomId).message(seq);
  if (message === undefined || message.deleted_at !== undefined) return;
  const { editing, interrupted, ...before } = cell(roomId).value;
  const kept = editing === undefined && !isEmpty(before) ? before : interrupted;
  set(roomId, { text: lastText(roomId, seq) ?? "", editing: seq, ...(kept !== undefined && { interrupted: kept }) });
}

/**
 * Go on with what was being written before the edit.
 *
 * @param {RoomId} roomId
 */
export function stopEdit(roomId) {
  const { editing, interrupted } = cell(roomId).value;
  if (editing !== undefined) set(roomId, interrupted ?? { text: "" });
}

/** @param {RoomId} roomId */
export function clearDraft(roomId) {
  set(roomId, { text: "" });
  tellTyping(roomId, false);
}

/**
 * Send the draft, or save the edit; true when there was something to send.
 *
 * @param {RoomId} roomId
 */
export function submit(roomId) {
  const { text, reply_to, editing } = cell(roomId).value;
  if (text.trim() === "") return false;
  if (editing === undefined) {
    void outbox.add(roomId, { kind: "send", text, ...(reply_to !== undefined && { reply_to }) });
    timeline(roomId).spoke();
    clearDraft(roomId);
  } else {
    edit(roomId, editing, text);
    stopEdit(roomId);
  }
  return true;
}

/**
 * @param {RoomId} roomId
 * @param {Seq} seq
 * @param {string} text
 */
function edit(roomId, seq, text) {
  for (const { key, state } of changesOf(roomId, seq)) if (state === "failed") cancel(key); // this is another try
  if (lastText(roomId, seq) !== text) void outbox.add(roomId, { kind: "edit", text, target: seq });
}

/**
 * What a message says, as its author sees it: with what the server has not confirmed, or has refused.
 *
 * @param {RoomId} roomId
 * @param {Seq} seq
 */
function lastText(roomId, seq) {
  return (changesOf(roomId, seq).findLast(({ kind }) => kind === "edit") ?? timeline(roomId).message(seq))?.text;
}

/**
 * @param {RoomId} roomId
 * @param {Seq} seq
 */
const changesOf = (roomId, seq) => outbox.of(roomId).filter(({ target }) => target === seq);

/**
 * @param {RoomId} roomId
 * @param {Seq} seq
 */
export function remove(roomId, seq) {
  void outbox.add(roomId, { kind: "delete", text: "", target: seq });
}

/** @param {string} key */
export const retry = (key) => void outbox.retry(key);

/** @param {string} key false: it may be in the room already */
export const cancel = (key) => outbox.cancel(key);

/** Forget what can never be sent. */
export function cancelStranded() {
  for (const { key } of stranded.value) cancel(key);
}

/** What this device remembers. */
export async function recallDrafts() {
  for (const { room_id, ...kept } of await db.all("drafts")) show(room_id, kept);
}

/**
 * @param {RoomId} roomId
 * @param {Draft} value
 */
function set(roomId, value) {
  show(roomId, value);
  tabs.post("draft", { roomId, value });
  unwritten.add(roomId);
  if (!writing) void write();
}

/**
 * @param {RoomId} roomId
 * @param {Draft} value
 */
function show(roomId, value) {
  cell(roomId).value = value;
  flag(roomId);
}

/** Say in the sidebar whether there is a draft. @param {RoomId} roomId */
function flag(roomId) {
  const room = heldRoom(roomId);
  const { text = "", interrupted } = drafts.get(roomId)?.peek() ?? {};
  const there = text.trim() !== "" || interrupted !== undefined;
  if (room !== undefined && room.view.value.draft !== there) room.view.value = { ...room.view.value, draft: there };
}

/** One write at a time, always of the latest. */
async function write() {
  writing = true;
  while (unwritten.size > 0) {
    const ids = [...unwritten];
    unwritten.clear();
    await db.write(ids.map(changeOf)).catch(() => undefined); // `storage` tells of it
  }
  writing = false;
}

/**
 * @param {RoomId} roomId
 * @returns {import("../io/db.js").Change}
 */
function changeOf(roomId) {
  const { value } = cell(roomId);
  return isEmpty(value) ? { store: "drafts", delete: roomId } : { store: "drafts", put: { ...value, room_id: roomId } };
}

/** @param {Draft} draft */
const isEmpty = ({ text, reply_to, editing }) => text === "" && reply_to === undefined && editing === undefined;

/** @param {RoomId} roomId */
function cell(roomId) {
  let found = drafts.get(roomId);
  if (found === undefined) drafts.set(roomId, (found = signal(/** @type {Draft} */ ({ text: "" }))));
  return found;
}

/**
 * Find out whether there is a room for what waits: one may have been removed from it while nobody looked.
 *
 * @param {RoomId} roomId
 */
function place(roomId) {
  const entries = outbox.of(roomId);
  const ended = heldRoom(roomId) === undefined ? entries.filter((entry) => entry.ended) : [];
  const all = [...stranded.value.filter(({ room_id }) => room_id !== roomId), ...ended];
  if (all.length + stranded.value.length > 0) stranded.value = all;
  if (line.isOpen && heldRoom(roomId) === undefined && ended.length < entries.length) void ask(roomId);
}

tabs.on("draft", ({ roomId, value }) => show(roomId, value));
appeared.on(flag);
appeared.on(place);
outboxChanged.on(place);
connection.subscribe(() => outbox.rooms().forEach(place));
refused.on(({ kind, room_id, problem }) => {
  const room = heldRoom(room_id)?.view.value;
  if (kind !== "send") toast(problem ?? { key: "toast.not_edited" }, "bad");
  else if (room !== undefined && current.value !== room_id) {
    toast({ key: "toast.not_sent", args: { room: room.name } }, "bad");
  }
});
gone.on(({ roomId, reason }) => {
  if (reason !== "removed" && drafts.has(roomId)) clearDraft(roomId); // who was removed may be added again
});
emptied.on(() => {
  for (const one of drafts.values()) one.value = { text: "" };
  drafts.clear();
  unwritten.clear();
  stranded.value = [];
});

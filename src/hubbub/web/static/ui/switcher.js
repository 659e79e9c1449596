/** Ctrl-K: type a few letters, go there. */

import { useEffect, useState } from "preact/hooks";
import { displayName } from "../core/format.js";
import { t } from "../i18n/language.js";
import { presence } from "../store/presence.js";
import { joinChannel } from "../store/rooms.js";
import { found as foundSignal, seek } from "../store/switcher.js";
import { Avatar, RoomAvatar, RoomMark } from "./avatar.js";
import { closeDialog, Dialog, openDialog, showDialog } from "./dialog.js";
import { showDirectory } from "./directory.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { handle, writeTo } from "./person.js";
import { go } from "./routes.js";
import { cap } from "./shortcuts.js";

/** @typedef {import("../core/types.d.ts").Found} Found */

const draw = () => html`<${SwitcherDialog} />`;

/** Open the switcher; close it when it is open. */
export const showSwitcher = () => (openDialog.peek() === draw ? closeDialog() : showDialog(draw));

function SwitcherDialog() {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const wanted = query.trim();
  const found = foundSignal.value;
  useEffect(() => seek(query), [query]);
  const now = Math.max(0, Math.min(at, found.length - 1));
  const chosen = found[now];

  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown") setAt((now + 1) % Math.max(1, found.length));
    else if (event.key === "ArrowUp") setAt((now - 1 + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter" && !event.isComposing) chosen && enter(chosen);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title=${t("jumpTo")} wide flush class="switcher">
    <div class="with-icon">
      <${Icon} name="search" size=${18} />
      <input class="input" value=${query} placeholder=${t("jumpHint")} aria-label=${t("jumpHint")} data-autofocus
        autocomplete="off" spellcheck=${false} dir="auto"
        role="combobox" aria-expanded="true" aria-controls="switcher-list" aria-autocomplete="list"
        aria-activedescendant=${chosen && idOf(chosen)} onKeyDown=${press}
        onInput=${(/** @type {InputEvent} */ event) => {
          setQuery(/** @type {HTMLInputElement} */ (event.target).value);
          setAt(0);
        }} />
    </div>
    <div id="switcher-list" class="options" role="listbox" aria-label=${t("rooms")}>
      ${found.map((one, index) => html`<${Line} key=${idOf(one)} found=${one} selected=${index === now}
          onAim=${() => setAt(index)} />`)}
    </div>
    ${
      found.length === 0 &&
      wanted &&
      html`<div class="empty">
      <h2>${t("nothingFound", { name: wanted })}</h2>
      <div class="actions"><button type="button" class="button"
        onClick=${showDirectory}>${t("browseChannels")}</button></div>
    </div>`
    }
    <p class="foot"><span><kbd>↑</kbd> <kbd>↓</kbd> ${t("keyMove")}</span><span><kbd>${cap("Enter")}</kbd> ${t("open")}</span><span><kbd>Esc</kbd> ${t("close")}</span></p>
  <//>`;
}

/** @param {{ found: Found, selected: boolean, onAim: () => void }} props */
function Line({ found, selected, onAim }) {
  const scroll = (/** @type {HTMLElement | null} */ element) =>
    selected && element?.scrollIntoView({ block: "nearest" });
  return html`<button ref=${scroll} id=${idOf(found)} type="button" role="option" tabindex="-1" class="option"
      aria-selected=${selected}
    onPointerMove=${() => !selected && onAim()} onClick=${() => enter(found)}>${content(found)}</button>`;
}

/** @param {Found} found */
function content(found) {
  if (found.kind === "person") {
    return html`<${Avatar} id=${found.user.id} name=${displayName(found.user)} size="small"
        status=${presence(found.user.id).value?.status} />
      <span class="clip"><bdi>${displayName(found.user)}</bdi></span><small class="clip">${handle(found.user)}</small>`;
  }
  if (found.kind === "channel") {
    return html`<${RoomMark} kind="channel" size="small" /><span
        class="clip"><bdi>${found.channel.name}</bdi></span><small class="clip">${t("joinThis")}</small>`;
  }
  const { room } = found;
  return html`<${RoomAvatar} room=${room} size="small" status=${room.peer && presence(room.peer.id).value?.status} />
    <span class="clip"><bdi>${room.name}</bdi></span>
    <small class="clip" dir="auto">${room.peer ? `@${room.peer.username}` : room.topic}</small>
    ${room.unread > 0 && html`<span class="badge">${room.unread > 99 ? "99+" : room.unread}</span>`}`;
}

/** @param {Found} found */
const idOf = (found) =>
  found.kind === "room"
    ? `found-room-${found.room.id}`
    : found.kind === "person"
      ? `found-user-${found.user.id}`
      : `found-channel-${found.channel.id}`;

/** @param {Found} found */
async function enter(found) {
  if (found.kind === "person") return writeTo(found.user);
  const id = found.kind === "room" ? found.room.id : found.channel.id;
  if (found.kind === "channel" && !(await joinChannel(id))) return;
  closeDialog();
  go(id);
}

/** The list of rooms: channels, groups and direct messages, each the latest first; and who is signed in. */

import { useEffect, useRef } from "preact/hooks";
import { displayName } from "../core/format.js";
import { shortTime, t } from "../i18n/language.js";
import { connection } from "../store/live.js";
import { presence, watch } from "../store/presence.js";
import { channels, directs, groups, loaded } from "../store/rooms.js";
import { nameOf } from "../store/people.js";
import { me as user } from "../store/session.js";
import { AccountMenu } from "./account.js";
import { Avatar, RoomAvatar } from "./avatar.js";
import { showDirectory } from "./directory.js";
import { classes, html } from "./html.js";
import { Icon, Logo } from "./icon.js";
import { makeDirect, makeRoom } from "./new-room.js";
import { follow, openRoomId, roomUrl } from "./routes.js";
import { cap } from "./shortcuts.js";
import { showSwitcher } from "./switcher.js";
import { lineOf } from "./text.js";

/** @typedef {import("../core/types.d.ts").RoomView} RoomView */

const WATCHED = 40; // people whose presence the list shows: those who were written to last

export function Sidebar() {
  const peers = directs.value.slice(0, WATCHED).flatMap(({ peer }) => peer?.id ?? []);
  useEffect(() => watch("sidebar", peers), [peers.join()]);
  return html`<nav class="sidebar" aria-label=${t("rooms")}>
    <header class="bar">
      <span class="brand"><${Logo} />hubbub</span>
    </header>
    <button type="button" class="jump" onClick=${showSwitcher}>
      <${Icon} name="search" /><span>${t("jumpTo")}</span><span class="keys"><kbd>${cap("Ctrl")}</kbd> <kbd>K</kbd></span>
    </button>
    <div class="rooms">
      ${
        !loaded.value
          ? html`<${RoomBones} />`
          : html`
            <${Section} title=${t("channels")} rooms=${channels.value} empty=${t("noChannels")}
              add=${t("browseChannels")}
              onAdd=${showDirectory} />
            <${Section} title=${t("groups")} rooms=${groups.value} empty=${t("noGroups")} add=${t("newGroup")}
              onAdd=${() => makeRoom("group")} />
            <${Section} title=${t("directs")} rooms=${directs.value} empty=${t("noDirects")} add=${t("newDirect")}
              onAdd=${makeDirect} />
          `
      }
    </div>
    <${Me} />
  </nav>`;
}

/** @param {{ title: string, rooms: RoomView[], empty: string, add: string, onAdd: () => void }} props */
function Section({ title, rooms, empty, add, onAdd }) {
  return html`<section>
    <div class="section">
      <h2>${title}</h2>
      <button type="button" class="icon-button" aria-label=${add} data-hint=${add} onClick=${onAdd}><${Icon}
        name="plus" /></button>
    </div>
    ${
      rooms.length
        ? html`<ul>${rooms.map((room) => html`<li key=${room.id}><${RoomLink} room=${room}
            open=${openRoomId.value === room.id} /></li>`)}</ul>`
        : html`<button type="button" class="link more" onClick=${onAdd}>${empty}</button>`
    }
  </section>`;
}

/** @param {{ room: RoomView, open: boolean }} props */
function RoomLink({ room, open }) {
  const unread = room.unread > 0;
  const link = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (open) link.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  const status = room.peer && presence(room.peer.id).value?.status;
  return html`<a ref=${link} class=${classes("room-link", unread && "unread")} href=${roomUrl(room.id)}
      aria-current=${open ? "page" : undefined}
    onClick=${(/** @type {MouseEvent} */ event) => follow(event, room.id)}>
    <${RoomAvatar} room=${room} status=${status} />
    <span class="name clip"><bdi>${room.name}</bdi></span>
    <span class="last clip">${lastWords(room, open)}</span>
    <time datetime=${room.last_at}>${room.last_message && shortTime(new Date(room.last_message.at))}</time>
    <span class="side">
      ${
        unread &&
        html`<span class="badge"><span aria-hidden="true">${room.unread > 99 ? "99+" : room.unread}</span>
        <span class="hidden">${t("unread", { n: room.unread })}</span></span>`
      }
    </span>
  </a>`;
}

/** The second line: a draft before the last message. @param {RoomView} room @param {boolean} open */
function lastWords(room, open) {
  if (room.draft && !open) return html`<span class="draft-word">${t("draft")}</span>`;
  const last = room.last_message;
  if (!last) return room.kind === "direct" ? t("noMessages") : html`<bdi>${room.topic || t("noMessages")}</bdi>`;
  if (last.deleted_at) return t("messageDeleted");
  const text = lineOf(last);
  if (last.user_id === user.value?.id) return html`${t("you")}: <bdi>${text}</bdi>`;
  if (room.kind === "direct") return html`<bdi>${text}</bdi>`;
  return html`<bdi>${room.last_author ? displayName(room.last_author) : nameOf(last.user_id)}</bdi>: <bdi>${text}</bdi>`;
}

function Me() {
  const me = user.value;
  if (!me) return null;
  return html`<footer class="me">
    <${AccountMenu} class="who">
      <${Avatar} id=${me.id} name=${displayName(me)}
        status=${connection.value.status === "live" ? "online" : "offline"} />
      <span><strong class="clip"><bdi>${displayName(me)}</bdi></strong><small
        class="clip">@${me.username}</small></span>
    <//>
  </footer>`;
}

function RoomBones() {
  return html`<div class="bones" role="status" aria-busy="true" aria-label=${t("loading")}>
    ${[60, 80, 50, 70, 65].map(
      (width) => html`<div key=${width}>
      <div class="bone"></div><div class="bone" style=${{ width: `${width}%` }}></div><div class="bone"
        style=${{ width: `${width - 20}%` }}></div>
    </div>`,
    )}
  </div>`;
}

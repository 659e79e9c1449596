/** The room that is open: its head, its messages, the composer, and its members beside it. */

import { displayName } from "../core/format.js";
import { t } from "../i18n/language.js";
import { deleteRoom, leaveRoom, loaded, rooms, roomView } from "../store/rooms.js";
import { me as user } from "../store/session.js";
import { timeline } from "../store/timelines.js";
import { ConnectionLine, ReleaseLine, StorageLine } from "./connection.js";
import { Conversation } from "./conversation.js";
import { ask } from "./dialog.js";
import { showDirectory } from "./directory.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { MembersPanel, showInvite } from "./members.js";
import { Menu } from "./menu.js";
import { makeDirect, makeRoom } from "./new-room.js";
import { covers, panel, showsMembers } from "./panel.js";
import { showPerson, stateWords } from "./person.js";
import { editRoom } from "./room-dialog.js";
import { go } from "./routes.js";
import { cap } from "./shortcuts.js";

/** @typedef {import("../core/types.d.ts").RoomView} RoomView */
/** @typedef {import("../core/types.d.ts").RoomId} RoomId */

/** @param {{ id: RoomId }} props */
export function Room({ id }) {
  const room = roomView(id).value;
  const gone = timeline(id).status.value === "gone";
  return html`<main class="room" inert=${showsMembers(room) && covers.value}>
      <header class="bar">
        <button type="button" class="icon-button only-phone" aria-label=${t("back")}
          onClick=${() => go(null)}><${Icon} name="back" size=${20} /></button>
        ${room ? html`<${Title} room=${room} /><${Tools} room=${room} />` : html`<div
            class="title">${!gone && html`<div class="bone" style=${{ width: "8rem", height: "1rem" }}></div>`}</div>`}
      </header>
      <${ConnectionLine} />
      <${StorageLine} />
      <${ReleaseLine} />
      <${Conversation} id=${id} room=${room} />
    </main>
    ${showsMembers(room) && html`<${MembersPanel} key=${id} room=${room} />`}`;
}

/** @param {{ room: RoomView }} props */
function Title({ room }) {
  const { peer } = room;
  const keeps = room.role !== "member";
  return html`<div class="title">
    <h1>
      ${room.kind !== "direct" && html`<${Icon} name=${room.kind === "channel" ? "hash" : "group"} />`}
      <bdi class="clip">${room.name}</bdi>
    </h1>
    ${
      peer
        ? html`<${Status} id=${peer.id} />`
        : keeps
          ? html`<button type="button" class="topic clip" dir="auto" data-hint=${t("editRoom")}
              onClick=${() => editRoom(room)}>${room.topic || t("addTopic")}</button>`
          : html`<span class="topic clip" dir="auto">${room.topic}</span>`
    }
  </div>`;
}

/** Whether the other person is there. @param {{ id: number }} props */
function Status({ id }) {
  const words = stateWords(id);
  return words && html`<span class="status">${words}</span>`;
}

/** @param {{ room: RoomView }} props */
function Tools({ room }) {
  const { peer } = room;
  const keeps = room.role !== "member";
  const label = panel.value ? t("hideMembers") : t("showMembers");
  return html`
    ${
      !peer &&
      html`<button type="button" class="people-button" aria-pressed=${panel.value} aria-label=${label}
          data-hint=${label} onClick=${() => (panel.value = !panel.value)}>
      <${Icon} name="group" size=${18} />
    </button>`
    }
    <${Menu} label=${t("roomActions")} items=${[
      peer && { label: t("person"), icon: "user", act: () => showPerson(peer) },
      !peer && keeps && { label: t("editRoom"), icon: "edit", act: () => editRoom(room) },
      !peer && keeps && { label: t("addPeople"), icon: "user-plus", act: () => showInvite(room) },
      !peer && { label: t("leaveRoom"), icon: "door", bad: true, line: keeps, act: () => askLeave(room) },
      !peer &&
        room.role === "owner" && { label: t("deleteRoom"), icon: "trash", bad: true, act: () => askDelete(room) },
    ]} />`;
}

/** Of an owner the server wants another one first: say so, and lead to where that is done. @param {RoomView} room */
function askLeave(room) {
  const title = t("leaveAsk", { name: room.name });
  if (room.role === "owner")
    return ask({ title, text: t("leaveOwnText"), confirm: t("showMembers"), act: () => (panel.value = true) });
  ask({
    title,
    text: t(room.kind === "channel" ? "leaveChannelText" : "leaveGroupText"),
    confirm: t("leaveRoom"),
    danger: true,
    act: async () => {
      await leaveRoom(room.id);
    },
  });
}

/** @param {RoomView} room */
function askDelete(room) {
  ask({
    title: t("deleteRoomAsk", { name: room.name }),
    text: t("deleteRoomText"),
    confirm: t("deleteRoom"),
    danger: true,
    act: () => deleteRoom(room.id),
  });
}

/** An address at which there is nothing: the way back. */
export function Nowhere() {
  return html`<main class="room">
    <${ConnectionLine} />
    <${ReleaseLine} />
    <div class="empty">
      <span class="mark"><${Icon} name="globe" size=${22} /></span>
      <h2>${t("nowhere")}</h2>
      <p>${t("nowhereHint")}</p>
      <div class="actions"><button type="button" class="button primary" onClick=${() => go(null)}>${t("toList")}</button></div>
    </div>
  </main>`;
}

/** No room is open: the way into one. */
export function NoRoom() {
  const me = user.value;
  const first = loaded.value && rooms.value.length === 0;
  return html`<main class="room">
    <${ConnectionLine} />
    <${ReleaseLine} />
    <div class="empty">
      <span class="mark"><${Icon} name=${first ? "smile" : "search"} size=${22} /></span>
      <h2>${first ? t("firstTitle", { name: me ? displayName(me) : "" }) : t("welcomeTitle")}</h2>
      <p>${first ? t("firstText") : t("welcomeText", { key: `${cap("Ctrl")} K` })}</p>
      <div class="actions">
        <button type="button" class="button primary" onClick=${showDirectory}><${Icon}
          name="hash" />${t("browseChannels")}</button>
        ${
          first &&
          html`<button type="button" class="button" onClick=${() => makeRoom("channel")}><${Icon}
            name="plus" />${t("newChannel")}</button>
          <button type="button" class="button" onClick=${() => makeRoom("group")}><${Icon}
            name="group" />${t("newGroup")}</button>`
        }
        <button type="button" class="button" onClick=${makeDirect}><${Icon}
          name="send" />${t("newDirect")}</button>
      </div>
    </div>
  </main>`;
}

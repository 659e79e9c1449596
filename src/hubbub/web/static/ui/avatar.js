/** A person or a room in two letters and a hue of their own. */

import { initials } from "../core/format.js";
import { t } from "../i18n/language.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";

const HUES = 8;

/**
 * @param {{ id: number, name: string, size?: "small" | "large", status?: import("../core/types.d.ts").PresenceStatus }} props
 *   Beside it stands the name: the letters are for the eyes only, the presence is told.
 */
export function Avatar({ id, name, size, status }) {
  return html`<span class=${classes("avatar", size, `hue-${id % HUES}`)}>
    <span aria-hidden="true">${initials(name)}</span>
    ${status && status !== "offline" && html`<span class=${classes("presence", status)} role="img"
        aria-label=${t(status)}></span>`}
  </span>`;
}

/** A channel or a group. @param {{ kind: string, size?: "small" | "large" }} props */
export function RoomMark({ kind, size }) {
  return html`<span class=${classes("avatar", size)} aria-hidden="true">
    <${Icon} name=${kind === "channel" ? "hash" : "group"} size=${size === "large" ? 26 : 16} />
  </span>`;
}

/**
 * What stands for a room: the other person of a direct one, or a mark of its kind.
 * @param {{ room: { kind: string, name: string, peer?: import("../core/types.d.ts").User }, size?: "small" | "large",
 *   status?: import("../core/types.d.ts").PresenceStatus }} props
 */
export function RoomAvatar({ room, size, status }) {
  return room.kind === "direct" && room.peer
    ? html`<${Avatar} id=${room.peer.id} name=${room.name} size=${size} status=${status} />`
    : html`<${RoomMark} kind=${room.kind} size=${size} />`;
}

/** Somebody: who they are, whether they are there, and the way to write to them. */

import { useEffect } from "preact/hooks";
import { displayName } from "../core/format.js";
import { agoTime, t } from "../i18n/language.js";
import { person } from "../store/people.js";
import { presence, watch } from "../store/presence.js";
import { openDirect } from "../store/rooms.js";
import { me } from "../store/session.js";
import { Avatar } from "./avatar.js";
import { closeDialog, Dialog, showDialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { ProfileDialog } from "./profile.js";
import { go } from "./routes.js";

/** @typedef {import("../core/types.d.ts").User} User */

/** @param {User} user */
export const showPerson = (user) => showDialog(() => html`<${PersonDialog} user=${user} />`);

/** Write to somebody: the one room of the two, made when it is not there. @param {User} user */
export async function writeTo(user) {
  const id = await openDirect(user.id);
  if (id === null) return;
  closeDialog();
  go(id);
}

/** @param {{ user: User }} props */
function PersonDialog({ user }) {
  const state = stateWords(user.id);
  const now = presence(user.id).value;
  const own = user.id === me.value?.id;
  useEffect(() => {
    watch("person", [user.id]);
    return () => watch("person", []);
  }, [user.id]);
  return html`<${Dialog} title=${t("person")} sheet=${false}>
    <div class="person">
      <${Avatar} id=${user.id} name=${displayName(user)} size="large" status=${now?.status} />
      <div>
        <strong dir="auto">${displayName(user)}</strong>
        <small>@${user.username}</small>
        ${state && html`<small>${state}</small>`}
      </div>
    </div>
    ${
      own
        ? html`<button type="button" class="button wide"
            onClick=${() => showDialog(() => html`<${ProfileDialog} />`)}><${Icon}
            name="edit" />${t("editProfile")}</button>`
        : html`<button type="button" class="button primary wide" data-autofocus
            onClick=${() => writeTo(user)}><${Icon} name="send" />${t("writeTo")}</button>`
    }
  <//>`;
}

/** What stands beside a name. @param {User} user */
export const handle = ({ username, disabled }) => (disabled ? `@${username} · ${t("disabledAccount")}` : `@${username}`);

/** Whether somebody is there, or why they can't be; null while that is not known. @param {number} id */
export function stateWords(id) {
  if (person(id).value?.disabled) return t("disabledAccount");
  const now = presence(id).value;
  if (!now) return null;
  const { status, last_seen } = now;
  return status === "offline" && last_seen ? t("lastSeen", { time: agoTime(new Date(last_seen)) }) : t(status);
}

/** Somebody: who they are, whether they are there, and the way to write to them. */

import { useEffect } from "preact/hooks";
import { displayName } from "../core/format.js";
import { agoTime, t } from "../i18n/language.js";
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
        ${now && html`<small>${presenceWords(now)}</small>`}
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

/** @param {import("../core/types.d.ts").Presence} presence */
export const presenceWords = ({ status, last_seen }) =>
  status === "offline" && last_seen ? t("lastSeen", { time: agoTime(new Date(last_seen)) }) : t(status);

/** The whole: signed out, or the list and what is open beside it. */

import { t } from "../i18n/language.js";
import { roomView } from "../store/rooms.js";
import { boot } from "../store/session.js";
import { DialogHost, openDialog } from "./dialog.js";
import { classes, html } from "./html.js";
import { Logo } from "./icon.js";
import { Accounts } from "./later.js";
import { covers, showsMembers } from "./panel.js";
import { NoRoom, Nowhere, Room } from "./room.js";
import { openRoomId, place } from "./routes.js";
import { Sidebar } from "./sidebar.js";
import { SignIn } from "./signin.js";
import { Announcer, Toasts } from "./toasts.js";

export function App() {
  if (boot.value === "starting")
    return html`<div class="splash" role="status" aria-label=${t("loading")}><${Logo} size=${48} /></div>`;
  return html`
    ${boot.value === "signed-out" ? html`<${SignIn} />` : html`<${Chat} />`}
    <${DialogHost} />
    ${!openDialog.value && html`<${Toasts} />`}
    <${Announcer} />
  `;
}

function Chat() {
  const roomId = openRoomId.value;
  const room = roomId === null ? undefined : roomView(roomId).value;
  const members = showsMembers(room);
  return html`${roomId !== null && !(members && covers.value) && html`<a class="skip button" href="#composer-text">${t("skipToComposer")}</a>`}
    <div class=${classes("app", place.value !== null && "in-room", members && "with-panel")}>
      <${Sidebar} />
      ${
        place.value === "accounts"
          ? html`<${Accounts} />`
          : place.value === "nowhere"
            ? html`<${Nowhere} />`
            : roomId === null
              ? html`<${NoRoom} />`
              : html`<${Room} key=${roomId} id=${roomId} />`
      }
    </div>`;
}

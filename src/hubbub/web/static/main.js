/** Starts the client: the session and its socket first, then what is seen, then Markdown. */

import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { startLanguage, t } from "./i18n/language.js";
import { connection } from "./store/live.js";
import { startRelease } from "./store/release.js";
import { closeRoom, openRoom, roomView, unreadTotal } from "./store/rooms.js";
import { boot } from "./store/session.js";
import { start } from "./store/start.js";
import { App } from "./ui/app.js";
import { startHints } from "./ui/hint.js";
import { html } from "./ui/html.js";
import { startKeys } from "./ui/keys.js";
import { startTheme } from "./ui/look.js";
import { startPanel } from "./ui/panel.js";
import { openRoomId, place } from "./ui/routes.js";
import { loadMarkdown } from "./ui/text.js";

const PATIENCE = 1500; // milliseconds for the connection, before what this device has kept is shown

/** Is it known how far each room was read? Before that, nobody can tell where a room should open. */
const settled = signal(false);
effect(() => {
  if (boot.value !== "signed-in") settled.value = false;
  else if (["live", "waiting", "ended"].includes(connection.value.status)) settled.value = true;
  else {
    const timer = setTimeout(() => (settled.value = true), PATIENCE);
    return () => clearTimeout(timer);
  }
});

void start();
startTheme();
startPanel();
startKeys();
startHints();
startRelease();

effect(() => {
  const id = openRoomId.value;
  if (boot.value !== "signed-in" || id === null) closeRoom();
  else if (settled.value) openRoom(id);
});

effect(() => {
  const id = openRoomId.value;
  const name = place.value === "accounts" ? t("accounts") : id === null ? "" : roomView(id).value?.name;
  const unread = unreadTotal.value;
  document.title = [unread > 0 && `(${unread})`, name && `${name} ·`, "hubbub"].filter(Boolean).join(" ");
});

await startLanguage();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
requestAnimationFrame(() => setTimeout(loadMarkdown));

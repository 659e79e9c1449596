/** What concerns the person who is signed in: profile, devices, look, language, sign out; for administrators, the others. */

import { t } from "../i18n/language.js";
import { unsent } from "../store/compose.js";
import { me, signOut } from "../store/session.js";
import { ask, showDialog } from "./dialog.js";
import { html } from "./html.js";
import { LookDialog } from "./look.js";
import { Menu } from "./menu.js";
import { PasswordDialog, ProfileDialog } from "./profile.js";
import { go } from "./routes.js";
import { showSessions } from "./sessions.js";
import { ShortcutsDialog } from "./shortcuts.js";

/** @param {{ children?: unknown, class?: string }} props */
export function AccountMenu({ children, class: extra }) {
  return html`<${Menu} label=${t("account")} class=${extra} align="start" hint=${false} items=${[
    { label: t("profile"), icon: "user", act: () => showDialog(() => html`<${ProfileDialog} />`) },
    { label: t("password"), icon: "lock", act: () => showDialog(() => html`<${PasswordDialog} />`) },
    { label: t("devices"), icon: "device", act: showSessions },
    me.value?.is_admin && { label: t("accounts"), icon: "group", line: true, act: () => go("accounts") },
    { label: t("look"), icon: "settings", line: true, act: () => showDialog(() => html`<${LookDialog} />`) },
    { label: t("shortcuts"), icon: "keyboard", act: showShortcuts },
    { label: t("signOut"), icon: "door", line: true, act: askSignOut },
  ]}>${children}<//>`;
}

export const showShortcuts = () => showDialog(() => html`<${ShortcutsDialog} />`);

/** Sign out at once, or ask when something has not been sent. */
async function askSignOut() {
  const n = await unsent();
  if (n === 0) return signOut();
  ask({ title: t("signOutAsk"), text: t("signOutUnsent", { n }), confirm: t("signOut"), danger: true, act: signOut });
}

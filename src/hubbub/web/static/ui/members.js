/** Who is in a room, whether they are there, and what may be done about them. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { displayName } from "../core/format.js";
import { t } from "../i18n/language.js";
import { addMember, members as membersOf, removeMember, setRole } from "../store/members.js";
import { connection } from "../store/live.js";
import { presence, watch } from "../store/presence.js";
import { me } from "../store/session.js";
import { attempt } from "../store/announce.js";
import { Avatar } from "./avatar.js";
import { ask, closeDialog, Dialog, showDialog } from "./dialog.js";
import { FormActions } from "./field.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { Bones, Failed } from "./load.js";
import { Menu } from "./menu.js";
import { covers, panel } from "./panel.js";
import { People } from "./people.js";
import { showPerson, stateWords, writeTo } from "./person.js";

/** @typedef {import("../core/types.d.ts").RoomView} RoomView */
/** @typedef {import("../core/types.d.ts").MemberView} MemberView */
/** @typedef {import("../core/types.d.ts").User} User */

const SEARCHED = 12; // members from which on there is a search
const WATCHED = 150; // members whose presence is shown

/** @param {{ room: RoomView }} props */
export function MembersPanel({ room }) {
  const [query, setQuery] = useState("");
  const aside = useFocusInside();
  const held = membersOf(room.id);
  const members = held.list.value;
  const ids = members.slice(0, WATCHED).map(({ user }) => user.id);
  const live = connection.value.status === "live";
  useEffect(() => {
    if (live || held.list.peek().length === 0) void held.load();
  }, [room.id, live]);
  useEffect(() => watch("members", ids), [ids.join()]);
  useEffect(() => () => watch("members", []), []);
  const wanted = query.trim().toLocaleLowerCase();
  const shown = wanted
    ? members.filter(({ user }) => `${displayName(user)} ${user.username}`.toLocaleLowerCase().includes(wanted))
    : members;
  const groups = grouped(shown);
  const more = held.more.value;
  const count = (/** @type {number} */ n) => (n > 0 && more ? `${n}+` : n);
  useEffect(() => {
    if (wanted && shown.length === 0) void held.loadMore();
  }, [wanted, members]); // not their number: while they are loaded anew no more are loaded
  const canAdd = room.kind !== "direct" && room.role !== "member";
  return html`<aside ref=${aside} class="panel" aria-label=${t("members")}>
    <header class="bar">
      <h2>${t("members")} <span class="count">${count(members.length) || ""}</span></h2>
      ${canAdd && html`<button type="button" class="icon-button" aria-label=${t("addPeople")}
          data-hint=${t("addPeople")} onClick=${() => showInvite(room)}><${Icon} name="user-plus"
          size=${18} /></button>`}
      <button type="button" class="icon-button" aria-label=${t("closeMembers")} data-hint=${t("close")}
        data-close onClick=${() => (panel.value = false)}><${Icon} name="close" size=${18} /></button>
    </header>
    ${
      members.length >= SEARCHED &&
      html`<div class="with-icon search">
      <${Icon} name="search" />
      <input class="input" enterkeyhint="search" value=${query} placeholder=${t("findMembers")}
        aria-label=${t("findMembers")} dir="auto"
        onInput=${(/** @type {InputEvent} */ event) => setQuery(/** @type {HTMLInputElement} */ (event.target).value)} />
    </div>`
    }
    <div class="members">
      ${held.status.value === "failed" && html`<${Failed} problem=${t("membersFailed")} again=${() => held.load()} />`}
      ${held.status.value === "loading" && members.length === 0 && html`<${Bones} />`}
      ${groups.map(
        ({ title, people }) =>
          people.length > 0 &&
          html`<section key=${title}>
        <h3>${title} <span class="count">${count(people.length)}</span></h3>
        <ul>${people.map((member) => html`<li key=${member.user.id}><${MemberLine} room=${room}
          member=${member} /></li>`)}</ul>
      </section>`,
      )}
      ${wanted && shown.length === 0 && !more && html`<p class="none">${t("noPeople")}</p>`}
      ${more && html`<button type="button" class="link more"
          onClick=${() => held.loadMore()}>${t("more")}</button>`}
    </div>
  </aside>`;
}

/** When the panel hides what has the focus, that goes into it, and back when it is closed with the focus inside. */
function useFocusInside() {
  const ref = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const aside = ref.current;
    const before = document.activeElement;
    if (covers.peek() || (before && !before.checkVisibility()))
      /** @type {HTMLElement | null} */ (aside?.querySelector("[data-close]"))?.focus();
    return () => {
      if (!aside?.contains(document.activeElement)) return;
      requestAnimationFrame(() => {
        const known = before?.isConnected && before !== document.body;
        /** @type {HTMLElement | null} */ (known ? before : document.querySelector(".people-button"))?.focus();
      });
    };
  }, []);
  return ref;
}

/**
 * Who is there, then the others; in each those who keep order first, then by name, as the store has them.
 * @param {MemberView[]} members
 */
function grouped(members) {
  const there = (/** @type {MemberView} */ { user }) => {
    const status = presence(user.id).value?.status;
    return status === "online" || status === "away" || user.id === me.value?.id;
  };
  return [
    { title: t("membersThere"), people: members.filter(there) },
    { title: t("membersAway"), people: members.filter((member) => !there(member)) },
  ];
}

/** @param {{ room: RoomView, member: MemberView }} props */
function MemberLine({ room, member }) {
  const { user, role } = member;
  const own = user.id === me.value?.id;
  /** @type {import("../core/types.d.ts").Presence | undefined} */
  const now = own ? { status: "online" } : presence(user.id).value;
  const name = displayName(user);
  const told = user.disabled || now?.status === "away" || now?.last_seen;
  return html`<div class="member">
    <button type="button" class="who" onClick=${() => showPerson(user)}>
      <${Avatar} id=${user.id} name=${name} status=${now?.status} />
      <span class="what">
        <strong class="clip"><bdi>${name}</bdi>${own && html` <span class="own">${t("youMark")}</span>`}</strong>
        <small class="clip">${told ? stateWords(user.id) : `@${user.username}`}</small>
      </span>
      ${role !== "member" && html`<span class="role">${t(role)}</span>`}
    </button>
    ${
      !own &&
      html`<${Menu} label=${t("memberActions", { name })} hint=${false} items=${[
        { label: t("writeTo"), icon: "send", act: () => writeTo(user) },
        ...member.grantable
          .filter((next) => next !== role)
          .map((next, index) => ({
            label: t(next === "owner" ? "makeOwner" : next === "admin" ? "makeAdmin" : "makeMember"),
            icon: /** @type {const} */ ("user"),
            line: index === 0,
            act: () => (next === "owner" ? askOwner(room, user) : setRole(room.id, user.id, next)),
          })),
        member.removable && {
          label: t("removeMember"),
          icon: "trash",
          bad: true,
          line: true,
          act: () => askRemove(room, user),
        },
      ]} />`
    }
  </div>`;
}

/** @param {RoomView} room @param {User} user */
function askRemove(room, user) {
  ask({
    title: t("removeMemberAsk", { name: displayName(user) }),
    text: t("removeMemberText", { name: displayName(user), room: room.name }),
    confirm: t("remove"),
    danger: true,
    act: () => removeMember(room.id, user.id),
  });
}

/** @param {RoomView} room @param {User} user */
function askOwner(room, user) {
  ask({
    title: t("makeOwnerAsk", { name: displayName(user) }),
    text: t("makeOwnerText"),
    confirm: t("makeOwner"),
    act: () => setRole(room.id, user.id, "owner"),
  });
}

/** @param {RoomView} room */
export const showInvite = (room) => showDialog(() => html`<${InviteDialog} room=${room} />`);

/** @param {{ room: RoomView }} props */
function InviteDialog({ room }) {
  const [chosen, setChosen] = useState(/** @type {User[]} */ ([]));
  const [busy, setBusy] = useState(false);
  const held = membersOf(room.id);
  const known = held.status.value !== "loading";
  const without = new Set([...held.list.value.map(({ user }) => user.id), me.value?.id ?? 0]);
  useEffect(() => {
    if (held.status.peek() !== "ready") void held.load();
  }, [room.id]);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    const left = [];
    for (const user of chosen) if (!(await attempt(addMember(room.id, user.id).then(() => true)))) left.push(user);
    setBusy(false);
    setChosen(left);
    if (left.length === 0) closeDialog();
  };
  return html`<${Dialog} title=${t("addPeopleTo", { name: room.name })}>
    <form class="form" onSubmit=${submit}>
      <${People} label=${t("people")} chosen=${chosen} onChange=${setChosen} without=${known ? without : null}
        autofocus />
      <${FormActions} label=${t("add")} busy=${busy} disabled=${chosen.length === 0} />
    </form>
  <//>`;
}

/** All channels there are: search, look, join. */

import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { channelsFound, moreChannels, searchChannels } from "../store/directory.js";
import { joinChannel, rooms } from "../store/rooms.js";
import { RoomMark } from "./avatar.js";
import { closeDialog, Dialog, showDialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { Bones, Failed } from "./load.js";
import { makeRoom } from "./new-room.js";
import { go } from "./routes.js";
import { say } from "./words.js";

/** @typedef {import("../core/types.d.ts").Channel} Channel */

export const showDirectory = () => showDialog(() => html`<${DirectoryDialog} />`);

function DirectoryDialog() {
  const [query, setQuery] = useState("");
  useEffect(() => searchChannels(query), [query]);
  const { items, more, status, problem } = channelsFound.value;
  const wanted = query.trim();
  return html`<${Dialog} title=${t("channels")} wide class="directory"
    actions=${html`<button type="button" class="button small" onClick=${() => makeRoom("channel", wanted)}><${Icon}
        name="plus" />${t("newChannel")}</button>`}>
    <div class="with-icon">
      <${Icon} name="search" />
      <input class="input" enterkeyhint="search" value=${query} placeholder=${t("searchChannels")}
        aria-label=${t("searchChannels")} data-autofocus dir="auto"
        onInput=${(/** @type {InputEvent} */ event) => setQuery(/** @type {HTMLInputElement} */ (event.target).value)} />
    </div>
    ${problem && html`<${Failed} problem=${say(problem)} again=${() => searchChannels(query)} />`}
    ${status === "loading" && items.length === 0 && html`<${Bones} />`}
    ${
      status === "ready" &&
      items.length === 0 &&
      html`<div class="empty">
      <span class="mark"><${Icon} name="hash" size=${22} /></span>
      <h2>${wanted ? t("noChannelFound", { name: wanted }) : t("noChannelYet")}</h2>
      <p>${t("noChannelHint")}</p>
      <div class="actions"><button type="button" class="button primary"
        onClick=${() => makeRoom("channel", wanted)}>${t("newChannel")}</button></div>
    </div>`
    }
    ${status !== "failed" && items.length > 0 && html`<ul class="list">${items.map((channel) => html`<${Line}
        key=${channel.id} channel=${channel} />`)}</ul>`}
    ${more && status === "ready" && html`<button type="button" class="button wide"
        onClick=${moreChannels}>${t("more")}</button>`}
  <//>`;
}

/** @param {{ channel: Channel }} props */
function Line({ channel }) {
  const [joining, setJoining] = useState(false);
  const mine = rooms.value.some((room) => room.id === channel.id);
  const enter = async () => {
    setJoining(true);
    const there = mine || (await joinChannel(channel.id));
    setJoining(false);
    if (!there) return;
    closeDialog();
    go(channel.id);
  };
  return html`<li class="item">
    <${RoomMark} kind="channel" />
    <div class="what">
      <strong dir="auto">${channel.name}</strong>
      <small class="two-lines"><span>${t("memberCount", { n: channel.members })}</span>${channel.topic && html` · <span dir="auto">${channel.topic}</span>`}</small>
    </div>
    <button type="button" class="button small" aria-busy=${joining} onClick=${enter}
      aria-label=${t(mine ? "openNamed" : "joinNamed", { name: channel.name })}>
      ${mine ? t("open") : t("join")}
    </button>
  </li>`;
}

/** Below one's last message: that it has arrived, and who has read it. */

import { useEffect } from "preact/hooks";
import { t } from "../i18n/language.js";
import { connection } from "../store/live.js";
import { nameOf } from "../store/people.js";
import { needReads, reads } from "../store/reads.js";
import { me } from "../store/session.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";

const NAMED = 20; // people whose names are in the hint

/** @param {{ room: import("../core/types.d.ts").RoomView, rows: import("../core/types.d.ts").Row[] }} props */
export function Receipt({ room, rows }) {
  const last = rows.at(-1);
  const marks = reads(room.id).value;
  const live = connection.value.status === "live";
  const mine = last && !last.change && !last.message.deleted_at && last.message.user_id === me.value?.id;
  useEffect(() => {
    if (mine && live) void needReads(room.id);
  });
  // The line is there in any case: with it coming and going, all would move with each message that is sent.
  if (!mine) return html`<div class="seen"></div>`;
  const readers = [...marks].filter(([, seq]) => seq >= last.seq).map(([id]) => id);
  if (readers.length === 0) return html`<div class="seen"><${Icon} name="check" size=${12} />${t("sent")}</div>`;
  const names = readers.slice(0, NAMED).map(nameOf).join(", ");
  return html`<div class="seen"><${Icon} name="eye" size=${12} />
    ${room.kind === "direct" ? t("readByThem") : html`<span
        data-hint=${t("readByNames", { names })}>${t("readBy", { n: readers.length })}</span>`}
  </div>`;
}

/** A new channel, group or direct message. */

import { useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { createRoom } from "../store/rooms.js";
import { me } from "../store/session.js";
import { closeDialog, Dialog, showDialog } from "./dialog.js";
import { Choice, Field, FormActions, FormError } from "./field.js";
import { useForm } from "./form.js";
import { html } from "./html.js";
import { People } from "./people.js";
import { writeTo } from "./person.js";
import { go } from "./routes.js";

/** @typedef {import("../core/types.d.ts").User} User */

/** @param {"channel" | "group"} kind @param {string} [name] */
export const makeRoom = (kind, name = "") => showDialog(() => html`<${NewRoomDialog} kind=${kind} name=${name} />`);

export const makeDirect = () => showDialog(() => html`<${NewDirectDialog} />`);

/** @param {{ kind: "channel" | "group", name: string }} props */
function NewRoomDialog({ kind, name }) {
  const [people, setPeople] = useState(/** @type {User[]} */ ([]));
  const [history, setHistory] = useState(/** @type {import("../core/types.d.ts").History} */ ("all"));
  const { form, field, set, errors, busy } = useForm(
    { name, topic: "" },
    async (values) => {
      const id = await createRoom({
        kind,
        name: values.name.trim(),
        topic: values.topic.trim(),
        history,
        member_ids: people.map((one) => one.id),
      });
      closeDialog();
      go(id);
    },
    (values) => ({ name: !values.name.trim() && t("needRoomName") }),
  );
  const channel = kind === "channel";
  return html`<${Dialog} title=${channel ? t("newChannel") : t("newGroup")} wide>
    <p class="lead">${channel ? t("newChannelLead") : t("newGroupLead")}</p>
    <form ...${form}>
      <${FormError} text=${errors.form} />
      <${Field} ...${field("name")} label=${t("name")} onInput=${set("name")} maxLength=${80}
        placeholder=${channel ? t("channelExample") : t("groupExample")} autofocus />
      <${Field} ...${field("topic")} label=${t("topic")} onInput=${set("topic")} maxLength=${500} optional />
      <${People} label=${t("members")} chosen=${people} onChange=${setPeople} without=${own()} />
      <${Choice} label=${t("history")} name="history" value=${history} onChange=${setHistory} sentences options=${[
        { value: "all", label: t("historyAll"), hint: t("historyAllHint") },
        { value: "since_joined", label: t("historyJoined"), hint: t("historyJoinedHint") },
      ]} />
      <${FormActions} label=${t("create")} busy=${busy} />
    </form>
  <//>`;
}

function NewDirectDialog() {
  return html`<${Dialog} title=${t("newDirect")}>
    <${People} label=${t("to")} chosen=${[]} onChange=${(/** @type {User[]} */ [user]) => user && writeTo(user)}
      without=${own()} autofocus />
  <//>`;
}

const own = () => new Set(me.value ? [me.value.id] : []);

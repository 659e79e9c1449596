/** The name and the topic of a room. */

import { t } from "../i18n/language.js";
import { changeRoom } from "../store/rooms.js";
import { closeDialog, Dialog, showDialog } from "./dialog.js";
import { Field, FormActions, FormError } from "./field.js";
import { useForm } from "./form.js";
import { html } from "./html.js";

/** @typedef {import("../core/types.d.ts").RoomView} RoomView */

/** @param {RoomView} room */
export const editRoom = (room) => showDialog(() => html`<${RoomDialog} room=${room} />`);

/** @param {{ room: RoomView }} props */
function RoomDialog({ room }) {
  const { form, field, set, errors, busy } = useForm(
    { name: room.name, topic: room.topic },
    async ({ name, topic }) => {
      await changeRoom(room.id, { name: name.trim(), topic: topic.trim() });
      closeDialog();
    },
    ({ name }) => ({ name: !name.trim() && t("needRoomName") }),
  );
  return html`<${Dialog} title=${t("editRoom")}>
    <form ...${form}>
      <${FormError} text=${errors.form} />
      <${Field} ...${field("name")} label=${t("name")} onInput=${set("name")} maxLength=${80} />
      <${Field} ...${field("topic")} label=${t("topic")} onInput=${set("topic")} maxLength=${500} optional />
      <${FormActions} label=${t("save")} busy=${busy} />
    </form>
  <//>`;
}

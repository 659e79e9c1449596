/** What can be done with a message: by buttons, and by keys while it has the focus. */

import { t } from "../i18n/language.js";
import { remove } from "../store/compose.js";
import { me as user } from "../store/session.js";
import { copy } from "./clipboard.js";
import { beginEdit, beginReply } from "./composer.js";
import { ask } from "./dialog.js";

/** @typedef {import("../core/types.d.ts").Message} Message */

/**
 * @typedef {object} Action
 * @property {string} label
 * @property {import("./icon.js").IconName} icon
 * @property {string} key
 * @property {boolean} [bad]
 * @property {() => unknown} act
 */

/** @param {Message} message @param {boolean} moderates may the messages of others be deleted? @returns {Action[]} */
export function actionsOf(message, moderates) {
  const own = message.user_id === user.value?.id;
  /** @type {(Action | false)[]} */
  const all = [
    { label: t("reply"), icon: "reply", key: "r", act: () => beginReply(message.room_id, message.seq) },
    { label: t("copyText"), icon: "copy", key: "c", act: () => copy(message.text) },
    own && { label: t("edit"), icon: "edit", key: "e", act: () => beginEdit(message.room_id, message.seq) },
    (own || moderates) && {
      label: t("deleteWord"),
      icon: "trash",
      key: "delete",
      bad: true,
      act: () => askDelete(message),
    },
  ];
  return all.filter((action) => action !== false);
}

/** @param {Message} message */
function askDelete(message) {
  ask({
    title: t("deleteMessageAsk"),
    text: t("deleteMessageText"),
    confirm: t("deleteWord"),
    danger: true,
    act: () => remove(message.room_id, message.seq),
  });
}

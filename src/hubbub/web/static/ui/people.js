/** Choose people: type a name, pick from who is found; those chosen stand above as tokens. */

import { useEffect, useRef, useState } from "preact/hooks";
import { displayName } from "../core/format.js";
import { t } from "../i18n/language.js";
import { morePeople, peopleFound, searchPeople } from "../store/directory.js";
import { Avatar } from "./avatar.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { handle } from "./person.js";
import { say } from "./words.js";

/** @typedef {import("../core/types.d.ts").User} User */

const FEW = 6; // people that are offered at least, if there are as many

/**
 * @param {{ label: string, chosen: User[], onChange: (chosen: User[]) => void, without: Set<number> | null, autofocus?: boolean }} props
 *   `without`: who is not offered; null while that is not known
 */
export function People({ label, chosen, onChange, without, autofocus = false }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  const { items, status, query: answered, problem } = peopleFound.value;
  useEffect(() => searchPeople(query), [query]);
  const taken = new Set([...chosen.map((user) => user.id), ...(without ?? [])]);
  const offered = without === null || status === "failed" ? [] : items.filter((user) => !taken.has(user.id));
  const now = Math.min(at, offered.length - 1);
  // Until the answer is here, those of the question before are still shown, and Enter takes none of them.
  const active = status === "ready" && answered === query.trim() ? offered[now] : undefined;
  // Those that are taken already may be all of a page.
  useEffect(() => {
    if (without !== null && offered.length < FEW) void morePeople();
  }, [items, chosen, without === null]);

  /** @param {User} user */
  const add = (user) => {
    onChange([...chosen, user]);
    setQuery("");
    setAt(0);
    input.current?.focus();
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowDown") setAt(Math.min(now + 1, offered.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(now - 1, 0));
    else if (event.key === "Enter" && !event.isComposing && (query || (offered.length && !chosen.length))) {
      if (active) add(active);
    } else if (event.key === "Backspace" && !query && chosen.length) return onChange(chosen.slice(0, -1));
    else return;
    event.preventDefault();
  };

  return html`<div class="field people">
    <label for="people-input">${label}</label>
    <div class="tokens input" onClick=${() => input.current?.focus()}>
      ${chosen.map(
        (user) => html`<span key=${user.id} class="token">
          <bdi class="clip">${displayName(user)}</bdi>
          <button type="button" aria-label=${t("takeAway", { name: displayName(user) })}
            onClick=${() => onChange(chosen.filter((one) => one.id !== user.id))}>
            <${Icon} name="close" size=${12} />
          </button>
        </span>`,
      )}
      <input ref=${input} id="people-input" value=${query} autocomplete="off" spellcheck=${false} dir="auto"
        data-autofocus=${autofocus}
        role="combobox" aria-expanded=${offered.length > 0} aria-controls="people-list" aria-autocomplete="list"
        aria-activedescendant=${active && `person-${active.id}`}
        placeholder=${chosen.length ? "" : t("findPeople")}
        onInput=${(/** @type {InputEvent} */ event) => {
          setQuery(/** @type {HTMLInputElement} */ (event.target).value);
          setAt(0);
        }}
        onKeyDown=${press} />
    </div>
    <div id="people-list" class="options" role="listbox" aria-label=${label}>
      ${offered.map(
        (
          user,
          index,
        ) => html`<button key=${user.id} id="person-${user.id}" type="button" role="option" tabindex="-1"
            class="option" aria-selected=${user === active}
          onPointerMove=${() => index !== at && setAt(index)} onClick=${() => add(user)}>
          <${Avatar} id=${user.id} name=${displayName(user)} size="small" />
          <span class="clip"><bdi>${displayName(user)}</bdi></span><small class="clip">${handle(user)}</small>
        </button>`,
      )}
      ${offered.length === 0 && html`<p class="none"
          role="status">${problem ? say(problem) : status === "loading" || without === null ? t("loading") : query ? t("noPeople") : t("nobodyElse")}</p>`}
    </div>
  </div>`;
}

/**
 * The quick switcher: one's own rooms at once, by how well and how recently; then people and channels of the server.
 *
 * @import {Channel, Found, List, Profile, RoomView} from "../core/types.d.ts"
 */

import { signal } from "@preact/signals-core";

import { api, emptied, tokens } from "./live.js";
import { learn } from "./people.js";
import { rooms } from "./rooms.js";

const SHOWN = 8; // of each kind
const PAUSE = 150; // milliseconds without a key before the server is asked

export const found = signal(/** @type {Found[]} */ ([]));

let asked = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} query */
export function seek(query) {
  const words = fold(query.trim());
  const own = matching(words);
  found.value = own;
  clearTimeout(timer);
  const number = ++asked;
  if (words !== "") timer = setTimeout(() => void ask(query.trim(), number, own), PAUSE);
}

/**
 * @param {string} query
 * @param {number} number
 * @param {Found[]} own
 */
async function ask(query, number, own) {
  const limit = SHOWN;
  try {
    /** @type {[List<Profile>, List<Channel>]} */
    const [people, channels] = await Promise.all([
      api.get("users", { q: query, limit }),
      api.get("channels", { q: query, limit }),
    ]);
    learn(people.items);
    if (number === asked) found.value = [...own, ...others(own, people.items, channels.items)];
  } catch {
    return; // one's own rooms are there all the same
  }
}

/**
 * @param {string} words
 * @returns {Found[]}
 */
function matching(words) {
  return rooms.value
    .map((room) => ({ room, rank: rank(words, room) }))
    .filter(({ rank }) => rank > 0)
    .sort((one, other) => other.rank - one.rank)
    .slice(0, SHOWN)
    .map(({ room }) => ({ kind: "room", room }));
}

/**
 * 3: begins with it, 2: a word of it does, 1: it is somewhere inside, 0: it is not.
 *
 * @param {string} words
 * @param {RoomView} room
 */
function rank(words, { name, topic, peer }) {
  const names = [name, peer?.username ?? ""].map(fold);
  if (names.some((one) => one.startsWith(words))) return 3;
  if (names.some((one) => one.split(/[\s._-]+/u).some((word) => word.startsWith(words)))) return 2;
  return Number([...names, fold(topic)].some((one) => one.includes(words)));
}

/**
 * What the server found, less what is there already.
 *
 * @param {Found[]} own
 * @param {Profile[]} people
 * @param {Channel[]} channels
 * @returns {Found[]}
 */
function others(own, people, channels) {
  const mine = new Set(rooms.value.map(({ id }) => id));
  const shown = new Set(own.map((one) => (one.kind === "room" ? one.room.peer?.id : undefined)));
  shown.add(tokens.user?.id);
  return [
    ...people.filter(({ id }) => !shown.has(id)).map((user) => ({ kind: /** @type {const} */ ("person"), user })),
    ...channels
      .filter(({ id }) => !mine.has(id))
      .map((channel) => ({ kind: /** @type {const} */ ("channel"), channel })),
  ];
}

/** Without case and accents. @param {string} text */
const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

emptied.on(() => {
  asked += 1;
  clearTimeout(timer);
  found.value = [];
});

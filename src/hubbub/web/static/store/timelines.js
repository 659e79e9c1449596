/**
 * The timelines of the rooms that were looked at, and what each of them is told.
 *
 * @import {Gone, RoomId} from "../core/types.d.ts"
 * @import {Held} from "./held.js"
 */

import * as live from "./live.js";
import { learn } from "./people.js";
import { current, screen } from "./screen.js";
import { Timeline } from "./timeline.js";

/** @type {Map<RoomId, Timeline>} */
const timelines = new Map();

/** @param {RoomId} roomId */
export function timeline(roomId) {
  let found = timelines.get(roomId);
  if (found === undefined) timelines.set(roomId, (found = new Timeline(roomId)));
  return found;
}

/** The timelines of rooms that were looked at. */
export const openedTimelines = () => timelines.values();

Object.assign(screen, {
  take: (/** @type {Held} */ room, /** @type {boolean} */ all) =>
    timelines.get(room.id)?.take(room, all) ?? room.log?.between(room.shown) ?? [],
  restart: (/** @type {RoomId} */ id) => void timelines.get(id)?.restart(),
  opened: (/** @type {RoomId} */ id) => timeline(id).opened(),
  left: (/** @type {RoomId} */ id) => timelines.get(id)?.left(),
  gone: (/** @type {RoomId} */ id, /** @type {Gone} */ reason) => timelines.get(id)?.end(reason),
});

live.outboxChanged.on((roomId) => timelines.get(roomId)?.show());
live.caughtUp.on((roomId) => timelines.get(roomId)?.again());
live.welcomed.on(({ rooms = [] }) => learn(rooms.map(({ last_author }) => last_author)));
live.emptied.on(() => {
  for (const one of timelines.values()) one.end("not_found");
  timelines.clear();
});
document.addEventListener("visibilitychange", () => {
  if (current.value !== null) timelines.get(current.value)?.markSeen();
});

/**
 * Which room is on the screen.
 *
 * @import {Gone, RoomEvent, RoomId} from "../core/types.d.ts"
 * @import {Held} from "./held.js"
 */

import { signal } from "@preact/signals-core";

export const current = signal(/** @type {RoomId | null} */ (null));

/**
 * What shows a room's timeline; `timelines.js` says so.
 *
 * @type {{take(room: Held, all: boolean): RoomEvent[], restart(roomId: RoomId): void, opened(roomId: RoomId): void,
 *   left(roomId: RoomId): void, gone(roomId: RoomId, reason: Gone): void}}
 */
export const screen = {
  take: (room) => room.log?.between(room.shown) ?? [],
  restart: () => undefined,
  opened: () => undefined,
  left: () => undefined,
  gone: () => undefined,
};

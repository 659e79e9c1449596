/** Icons: strokes on a grid of 20, coloured by their text. */

import { html } from "./html.js";

const PATHS = {
  alert:
    "M10 6.5v4M10 13.5h.01M8.7 3.2 2 14.8A1.5 1.5 0 0 0 3.3 17h13.4a1.5 1.5 0 0 0 1.3-2.2L11.3 3.2a1.5 1.5 0 0 0-2.6 0Z",
  back: "m12 4-6 6 6 6",
  check: "m4 10.5 4 4 8-9",
  clock: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM10 6v4l2.5 1.5",
  close: "m5 5 10 10M15 5 5 15",
  copy: "M7.5 7.5v-3a1 1 0 0 1 1-1h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-3M3.5 8.5a1 1 0 0 1 1-1h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7Z",
  device: "M3.5 5a1 1 0 0 1 1-1h11a1 1 0 0 1 1 1v7.5h-13V5ZM2 15.5h16",
  door: "M8 17H4.5a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1H8M13 13.5l3.5-3.5L13 6.5M16.5 10H8",
  down: "M10 4v12M5 11l5 5 5-5",
  edit: "m12.5 4.5 3 3L7 16l-3.5.5L4 13l8.5-8.5ZM11 6l3 3",
  eye: "M2 10s3-5.5 8-5.5S18 10 18 10s-3 5.5-8 5.5S2 10 2 10ZM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z",
  globe:
    "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM2.5 10h15M10 2.5c2 2 3 4.6 3 7.5s-1 5.5-3 7.5c-2-2-3-4.6-3-7.5s1-5.5 3-7.5Z",
  group:
    "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2 16.5c0-3 2.5-4.5 5.5-4.5s5.5 1.5 5.5 4.5M13 3.8a3 3 0 0 1 0 5.4M15 12.5c2 .6 3 2 3 4",
  hash: "M4 7.5h13M3 12.5h13M8.5 3 6.5 17M13.5 3l-2 14",
  keyboard:
    "M2.5 6a1 1 0 0 1 1-1h13a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-13a1 1 0 0 1-1-1V6ZM5.5 8h.01M8.5 8h.01M11.5 8h.01M14.5 8h.01M6 12h8",
  lock: "M5 9h10a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1ZM6.5 9V6.5a3.5 3.5 0 0 1 7 0V9",
  more: "M5 10h.01M10 10h.01M15 10h.01",
  offline: "m3 3 14 14M6.5 6A5 5 0 0 0 5 9.5 3.5 3.5 0 0 0 5.5 16.5h9M9 4.7a5 5 0 0 1 5.9 4.2A3.5 3.5 0 0 1 17.5 14",
  plus: "M10 4v12M4 10h12",
  reply: "M8 5 3.5 9.5 8 14M4 9.5h7a5 5 0 0 1 5 5v1",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.5 13.5 17 17",
  send: "M3 10 3.5 3.5 17 10 3.5 16.5 3 10ZM3 10h6.5",
  settings: "M3 6h8M15 6h2M3 14h2M9 14h8M13 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM7 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  smile: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM7 11.5c.6 1.2 1.7 2 3 2s2.4-.8 3-2M7.5 8h.01M12.5 8h.01",
  trash:
    "M3.5 5.5h13M8 5.5V4a1 1 0 0 1 1-1h2a1 1 0 0 1 1 1v1.5M5 5.5l.7 10.6a1 1 0 0 0 1 .9h6.6a1 1 0 0 0 1-.9L15 5.5M8.5 9v4.5M11.5 9v4.5",
  user: "M10 9.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4ZM4 17c0-3.2 2.7-5 6-5s6 1.8 6 5",
  "user-plus": "M8 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM2.5 16.5c0-3 2.5-4.5 5.5-4.5s5.5 1.5 5.5 4.5M15.5 6v5M13 8.5h5",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{ name: IconName, size?: number, class?: string }} props */
export function Icon({ name, size = 16, class: extra }) {
  return html`<svg class=${extra} width=${size} height=${size} viewBox="0 0 20 20" fill="none" stroke="currentColor"
    stroke-width=${name === "more" ? 2.5 : 1.6} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** The mark of hubbub. @param {{ size?: number }} props */
export function Logo({ size = 26 }) {
  return html`<svg class="logo" width=${size} height=${size} viewBox="0 0 32 32" aria-hidden="true">
    <path fill="currentColor"
      d="M16 3c7.7 0 14 5.1 14 11.6 0 6.4-6.3 11.6-14 11.6-1.5 0-3-.2-4.4-.6L5.2 29.3c-.7.4-1.5-.3-1.2-1l1.6-5.3C3.3 20.9 2 17.9 2 14.6 2 8.1 8.3 3 16 3Z" />
    <g fill="var(--on-accent)"><circle cx="9.8" cy="14.6" r="2.2" /><circle cx="16" cy="14.6" r="2.2" /><circle
      cx="22.2" cy="14.6" r="2.2" /></g>
  </svg>`;
}

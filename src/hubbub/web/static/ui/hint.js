/** Hints: the words of a button without any, after a moment under the pointer or at once under the keyboard. */

const DELAY = 450; // milliseconds

/** Show the `data-hint` of what is pointed at or focused, in the top layer. */
export function startHints() {
  const box = document.createElement("div");
  box.className = "hint-box";
  box.popover = "manual";
  box.setAttribute("aria-hidden", "true"); // the button's own label says it
  document.body.append(box);
  let timer = 0;
  /** @type {Element | null} */
  let shown = null;

  const hide = () => {
    clearTimeout(timer);
    shown = null;
    if (box.matches(":popover-open")) box.hidePopover();
  };
  /** @param {Element} target */
  const show = (target) => {
    if (!target.isConnected) return;
    const words = target.getAttribute("data-hint");
    if (!words) return;
    box.textContent = words;
    document.body.append(box);
    if (!box.matches(":popover-open")) box.showPopover();
    place(box, target.getBoundingClientRect(), 6);
  };
  /** @param {EventTarget | null} target @param {number} delay */
  const aim = (target, delay) => {
    const next = target instanceof Element ? target.closest("[data-hint]") : null;
    if (next === shown) return;
    hide();
    shown = next;
    if (next) timer = window.setTimeout(() => show(next), delay);
  };
  document.addEventListener("pointerover", (event) => event.pointerType === "mouse" && aim(event.target, DELAY));
  document.addEventListener("focusin", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.matches(":focus-visible")) aim(target, 0);
  });
  for (const name of ["pointerdown", "keydown", "focusout", "scroll"]) document.addEventListener(name, hide, true);
}

/**
 * Put a fixed box above or below a rectangle, inside the window.
 * @param {HTMLElement} box
 * @param {DOMRect} around
 * @param {number} gap pixels between the two
 * @param {"above" | "below"} side where it goes if there is room
 * @param {"start" | "centre" | "end"} align
 */
export function place(box, around, gap, side = "above", align = "centre") {
  const { width, height } = box.getBoundingClientRect();
  const rtl = document.dir === "rtl";
  const above = around.top - gap - height;
  const below = around.bottom + gap;
  const fitsAbove = above >= 4;
  const fitsBelow = below + height <= innerHeight - 4;
  const top = (side === "above" ? fitsAbove || !fitsBelow : !fitsBelow && fitsAbove) ? above : below;
  const edge = (align === "end") !== rtl ? around.right - width : around.left;
  const left = align === "centre" ? around.left + (around.width - width) / 2 : edge;
  box.style.top = `${Math.max(4, Math.min(top, innerHeight - height - 4))}px`;
  box.style.left = `${Math.max(4, Math.min(left, innerWidth - width - 4))}px`;
}

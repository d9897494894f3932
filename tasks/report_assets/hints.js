"use strict";
/* Short explanations behind a question mark: by pointer, touch and keyboard. */
(() => {
  const bubble = Albumen.h("div", { class: "bubble", id: "hint", role: "tooltip", popover: "manual" });
  let owner = null;

  /** A small button that explains; nothing where there is nothing to say. */
  Albumen.hint = (text, about) => {
    if (!text) return null;
    const button = Albumen.h("button", {
      type: "button", class: "hint", "aria-label": `What does "${about}" mean?`,
      onclick: (event) => { event.stopPropagation(); open(button, text); },
      onpointerenter: (event) => { if (event.pointerType === "mouse") open(button, text); },
      onpointerleave: (event) => { if (event.pointerType === "mouse") close(); },
      onfocus: () => open(button, text),
      onblur: close,
    }, "?");
    return button;
  };

  function open(button, text) {
    owner = button;
    bubble.textContent = text;
    if (!bubble.isConnected) document.body.append(bubble);
    if (bubble.showPopover && !bubble.matches(":popover-open")) bubble.showPopover();
    lay();
    button.setAttribute("aria-describedby", "hint");
  }

  /** Beside its button, wherever that lies now. */
  function lay() {
    const place = owner.getBoundingClientRect();
    const { width, height } = bubble.getBoundingClientRect();
    const left = Math.min(Math.max(8, place.left + place.width / 2 - width / 2),
      document.documentElement.clientWidth - width - 8);
    const above = place.top - height - 8;
    bubble.style.left = `${left}px`;
    bubble.style.top = `${above >= 8 ? above : place.bottom + 8}px`;
  }

  function close() {
    if (!owner) return;
    owner.removeAttribute("aria-describedby");
    owner = null;
    if (bubble.hidePopover && bubble.matches(":popover-open")) bubble.hidePopover();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !owner) return;
    close();
    event.preventDefault(); // the first Escape closes the explanation, not the dialog under it
  }, true);
  // A button that is focused by keyboard is scrolled into view: its explanation goes with it.
  document.addEventListener("scroll", () => {
    if (!owner) return;
    const { top, bottom } = owner.getBoundingClientRect();
    if (bottom < 0 || top > window.innerHeight) close();
    else lay();
  }, { capture: true, passive: true });
})();

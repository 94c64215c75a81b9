// What a claim rests on, beside it: on hover, focus and tap; it stays until one leaves it or presses Esc.

import { $, make } from "./page.js";

const SAID = {
  quoted: ["ok", "The quote stands in the source, word for word."],
  cited: ["wa", "A source is cited, but the quote is not in it."],
  unsourced: ["wa", "No source is given."],
};
let shown = null;
let closing;

const standing_of = (claim) => Object.keys(SAID).find((name) => claim.classList.contains(name) || claim.classList.contains(`claim-${name}`));

function content_of(claim) {
  const told = document.querySelector(`#claims [data-of="${CSS.escape(claim.dataset.claim)}"]`);
  if (told) return [...told.childNodes].map((node) => node.cloneNode(true));
  const said = SAID[standing_of(claim)];
  return said ? [make("p", { class: said[0] }, said[1])] : [];
}

function open(claim) {
  clearTimeout(closing);
  if (shown?.claim === claim) return;
  close();
  const parts = content_of(claim);
  if (!parts.length) return;
  const tip = make("div", { class: "tip", id: "tip", role: "tooltip" }, ...parts);
  document.body.append(tip);
  const at = claim.getBoundingClientRect();
  const above = at.top > tip.offsetHeight + 70;
  tip.style.left = `${Math.max(12, Math.min(at.left, innerWidth - tip.offsetWidth - 12)) + scrollX}px`;
  tip.style.top = `${(above ? at.top - tip.offsetHeight - 6 : at.bottom + 6) + scrollY}px`;
  claim.setAttribute("aria-describedby", "tip");
  tip.addEventListener("pointerenter", () => clearTimeout(closing));
  tip.addEventListener("pointerleave", later);
  shown = { claim, tip };
}

function close() {
  clearTimeout(closing);
  if (!shown) return;
  shown.tip.remove();
  shown.claim.removeAttribute("aria-describedby");
  shown = null;
}

const later = () => {
  clearTimeout(closing);
  closing = setTimeout(close, 250);
};
const claim_at = (event) => event.target.closest?.("[data-claim]");

export function start_claims() {
  document.addEventListener("pointerover", (event) => event.pointerType === "mouse" && (claim_at(event) ? open(claim_at(event)) : shown && !event.target.closest(".tip") && shown.claim !== document.activeElement && later()));
  document.addEventListener("focusin", (event) => (claim_at(event) ? open(claim_at(event)) : !event.target.closest(".tip") && close()));
  document.addEventListener("click", (event) => {
    const claim = claim_at(event);
    if (claim && !event.target.closest("input, textarea, select")) {
      if (event.target.closest("a.mark")) event.preventDefault();
      open(claim);
    } else if (!event.target.closest(".tip")) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    event.preventDefault();
    close();
  }, true);
}

export const has_claims = () => $("[data-claim]") !== null;

// What a claim rests on, beside it: on hover, focus and tap; it stays until one leaves it or presses Esc.

import { $, $$, make } from "./page.js";

const SAID = {
  quoted: ["ok", "The quote stands in the source, word for word."],
  cited: ["wa", "A source is cited, but the quote is not in it."],
  unsourced: ["wa", "No source is given."],
};
let shown = null;
let closing;

function content_of(claim) {
  const said = SAID[Object.keys(SAID).find((name) => claim.matches(`.${name}, .claim-${name}`))];
  if (!said) return [];
  const facts = (claim.dataset.facts ?? "").split(" ");
  const parts = $$("a.mark[href^='#s']", claim).flatMap((mark) => {
    const source = $(mark.hash);
    if (!source) return [];
    const quotes = $$("[data-fact]", source).filter((quote) => facts.includes(quote.dataset.fact));
    return [$(".t", source), $(".where", source), ...quotes.slice(0, 3)].filter(Boolean);
  });
  return [...parts.map((part) => part.cloneNode(true)), make("p", { class: said[0] }, said[1])];
}

function open_tip(claim) {
  clearTimeout(closing);
  if (shown?.claim === claim) return;
  close_tip();
  const parts = content_of(claim);
  if (!parts.length) return;
  const tip = make("div", { class: "tip", id: "tip", role: "tooltip" }, ...parts);
  document.body.append(tip);
  const at = claim.getBoundingClientRect();
  const above = at.top > tip.offsetHeight + 70;
  tip.style.left = `${Math.max(12, Math.min(at.left, innerWidth - tip.offsetWidth - 12)) + scrollX}px`;
  tip.style.top = `${(above ? at.top - tip.offsetHeight - 4 : at.bottom + 4) + scrollY}px`;
  const speaks = $("a.mark", claim) ?? claim;
  speaks.setAttribute("aria-describedby", "tip");
  tip.addEventListener("pointerenter", () => clearTimeout(closing));
  tip.addEventListener("pointerleave", close_soon);
  shown = { claim, tip, speaks };
}

function close_tip() {
  clearTimeout(closing);
  if (!shown) return;
  shown.tip.remove();
  shown.speaks.removeAttribute("aria-describedby");
  shown = null;
}

function close_soon() {
  clearTimeout(closing);
  closing = setTimeout(() => shown && !shown.claim.contains(document.activeElement) && close_tip(), 300);
}

const claim_at = (event) => event.target.closest?.("[data-claim]");

export function start_claims() {
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    if (claim_at(event)) open_tip(claim_at(event));
    else if (shown && !event.target.closest(".tip")) close_soon();
  });
  document.addEventListener("focusin", (event) => (claim_at(event) ? open_tip(claim_at(event)) : close_tip()));
  document.addEventListener("click", (event) => {
    const claim = claim_at(event);
    if (!claim) return event.target.closest(".tip") || close_tip();
    if (event.target.closest("a.mark")) event.preventDefault();
    open_tip(claim);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !shown) return;
    event.preventDefault();
    close_tip();
  }, true);
}

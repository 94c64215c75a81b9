// What happens elsewhere, as it happens: one connection a browser; one tab listens and tells the others.

import { $, $$ } from "./page.js";

const KINDS = ["hello", "arrived", "decided", "undone", "changed", "resync"];
const hearers = [];
const tabs = "BroadcastChannel" in globalThis ? new BroadcastChannel("countersign") : null;
// What the page shows is as of this entry of the record: whatever came after it, before anybody listened, is told too.
let newest = document.body.dataset.last ?? "";
let source;
let again;

export const hear = (hearer) => hearers.push(hearer);

function tell(name, told) {
  if (told.last) newest = told.last;
  if (told.counts) show_counts(told.counts);
  for (const hearer of hearers) hearer(name, told);
}

const short = (number) =>
  number < 10000 ? number.toLocaleString("en") : number < 99950 ? `${(number / 1000).toFixed(1)}k` : number < 999500 ? `${Math.round(number / 1000)}k` : `${(number / 1e6).toFixed(1)}M`;

function show_counts(counts) {
  for (const link of $$("[data-view]")) {
    const badge = $("b", link);
    const number = counts[link.dataset.view];
    if (!badge || number === undefined) continue;
    badge.textContent = short(number);
    badge.dataset.count = number;
    badge.hidden = !number && Boolean(link.closest(".tabs"));
    if (link.dataset.view === "high") badge.classList.toggle("no", number > 0);
  }
}

function show_line(on) {
  const line = $("[data-live]");
  if (!line) return;
  line.hidden = false;
  const before = line.dataset.live;
  line.dataset.live = on ? "on" : "off";
  $("span", line).textContent = on ? "Live" : "Offline, retrying";
  if (on && before === "off") document.dispatchEvent(new CustomEvent("countersign:live"));
}

const share = (message) => tabs?.postMessage(message);

function listen() {
  clearTimeout(again);
  source?.close();
  source = new EventSource(`/events${newest ? `?after=${newest}` : ""}`);
  source.addEventListener("open", () => {
    show_line(true);
    share({ line: true });
  });
  source.addEventListener("error", () => {
    show_line(false);
    share({ line: false });
    // The browser tries again by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) again = setTimeout(listen, 3000);
  });
  for (const name of KINDS) {
    source.addEventListener(name, (event) => {
      const told = { ...JSON.parse(event.data), last: event.lastEventId };
      tell(name, told);
      share({ name, told });
    });
  }
}

export function start_live() {
  tabs?.addEventListener("message", ({ data }) => {
    if (data.asks) return source && share({ line: source.readyState === EventSource.OPEN, last: newest });
    if (Number(data.last) > Number(newest)) tell("resync", { last: data.last });
    if ("line" in data) show_line(data.line);
    else tell(data.name, data.told);
  });
  // Whoever holds the lock listens; the next tab takes over when it goes.
  if (navigator.locks && tabs) {
    navigator.locks.request("countersign.live", () => new Promise(listen)).catch(() => {});
    share({ asks: true });
  } else listen();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// The list: the cursor, the preview that follows it, approving from it, and several at once.

import { $, $$, Refused, ask, document_of, keep, kept, make, refusal_of, settled, swap, words } from "./page.js";
import { offer } from "./keys.js";
import { morph } from "./morphing.js";
import { offers_undo, recall, settle, take_back, toast } from "./toasts.js";

const rows = () => $$("#rows .req:not(.leaving)");
const row_of = (id) => $(`#rows .req[data-id="${CSS.escape(id)}"]`);
const is_waiting = () => $("#rows") && location.pathname === "/queue";

// -- the cursor ------------------------------------------------------------------------------------------------------

export const cursor = () => $("#rows .req[aria-current]") ?? $("#rows .req:has(.title[aria-current])");

function point(row, { focus = true } = {}) {
  for (const other of $$("#rows [aria-current]")) other.removeAttribute("aria-current");
  if (!row) return;
  row.setAttribute("aria-current", "true");
  if (focus) {
    $(".title", row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  preview(row);
}

async function move(step) {
  const all = rows();
  const here = all.indexOf(cursor());
  // The first key of all shows where the cursor is.
  if (here >= 0 && !$("#rows").contains(document.activeElement) && step === 1 && !cursor().hasAttribute("aria-current")) {
    return point(all[here]);
  }
  const place = here < 0 ? 0 : here + step;
  if (place >= all.length && (await more())) return move(step);
  if (all[place]) point(all[place]);
}

document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#rows .title")?.closest(".req");
  if (row && !row.hasAttribute("aria-current")) point(row, { focus: false });
});

/** Load the rows after those that are here. */
async function more() {
  const link = $("#more [data-more]");
  if (!link || link.getAttribute("aria-disabled")) return false;
  link.setAttribute("aria-disabled", "true");
  link.textContent = "Loading";
  try {
    const told = await document_of(await ask(link.href, { as: "rows" }));
    const [first, ...others] = $$("section[data-group]", told);
    const last = $$("#rows section[data-group]").at(-1);
    if (first?.dataset.group === last?.dataset.group) $("ol", last).append(...$$(".req", first));
    else if (first) others.unshift(first);
    const foot = $("#more");
    foot.before(...others);
    foot.replaceWith($("#more", told));
    return true;
  } catch (error) {
    link.removeAttribute("aria-disabled");
    link.textContent = "Show the next 40";
    toast(error.message, { tone: "no" });
    return false;
  }
}

// -- the preview -----------------------------------------------------------------------------------------------------

const seen = new Map();
let looking;

const preview = settled(70, async (row) => {
  const aside = $("#peek");
  if (!aside || aside.dataset.id === row.dataset.id || getComputedStyle(aside).display === "none") return;
  looking?.abort();
  looking = new AbortController();
  const name = `${row.dataset.id}.${row.dataset.version}`;
  try {
    if (!seen.has(name)) {
      const address = new URL($(".title", row).href);
      address.pathname += "/peek";
      seen.set(name, await document_of(await ask(address, { as: "peek", signal: looking.signal })));
      if (seen.size > 60) seen.delete(seen.keys().next().value);
    }
    if (cursor() !== row) return;
    aside.replaceChildren(...[...seen.get(name).body.childNodes].map((node) => document.importNode(node, true)));
    aside.dataset.id = row.dataset.id;
  } catch (error) {
    if (error.name !== "AbortError") seen.delete(name);
  }
});

function toggle_preview() {
  const hidden = $(".desk")?.classList.toggle("wide");
  if (hidden === undefined) return;
  $("#peek")?.toggleAttribute("hidden", hidden);
  keep("preview", hidden ? "off" : null);
  if (!hidden && cursor()) preview(cursor());
}

// -- leaving and coming back -----------------------------------------------------------------------------------------

const places = new Map();
const going = new Set();

/** Take rows out of sight; each leaves a mark where it stood, so that it can come back there. */
function leave(leaving, { move_on = true } = {}) {
  const all = rows();
  const gone = new Set(leaving);
  const here = cursor();
  if (move_on && gone.has(here)) {
    const from = all.indexOf(here);
    const next = all.slice(from).find((row) => !gone.has(row)) ?? all.slice(0, from).reverse().find((row) => !gone.has(row));
    point(next);
  }
  for (const row of leaving) {
    const mark = document.createComment("");
    row.before(mark);
    places.set(row.dataset.id, { row, mark });
    row.removeAttribute("aria-current");
    const box = $(".pick", row);
    if (box) box.checked = false;
    row.remove();
  }
  tidy();
  count_by(-leaving.length);
}

/** Put rows back in place. */
function come_back(ids, { focus = true } = {}) {
  let first = null;
  let back = 0;
  for (const id of ids) {
    const place = places.get(id);
    places.delete(id);
    going.delete(id);
    if (!place?.mark.isConnected || row_of(id)) continue;
    place.mark.replaceWith(place.row);
    place.row.classList.remove("gone", "leaving");
    first ??= place.row;
    back += 1;
  }
  tidy();
  count_by(back);
  if (first && focus) point(first);
  if (!first) refresh();
}

function tidy() {
  for (const group of $$("#rows section[data-group]")) group.hidden = !$(".req", group);
  bar();
  const nothing = $("#rows") && !$("#rows .req") && !$("#more [data-more]");
  if (nothing) refresh();
}

function count_by(step) {
  const total = $("#total");
  if (!total || !step || !is_waiting()) return;
  show_total(Math.max(0, Number(total.dataset.total) + step));
}

function show_total(number) {
  const total = $("#total");
  const said = total.textContent.includes("match") ? ["match", "matches"] : ["request", "requests"];
  total.dataset.total = number;
  total.textContent = `${number.toLocaleString("en")} ${said[number === 1 ? 0 : 1]}`;
}

const is_going = (id) => going.has(id);

// -- approving from the list -----------------------------------------------------------------------------------------

const told_of = (row) => [words($(".title", row)), words($(".about", row))].filter(Boolean).join(", ");

async function approve(row = cursor()) {
  if (!row || !is_waiting()) return false;
  if ($$("#rows .pick:checked").length) return approve_picked();
  if (row.dataset.risk === "high") {
    toast("High risk: open it to approve it.", { tone: "wa" });
    return;
  }
  const { id, version } = row.dataset;
  if (going.has(id)) return;
  going.add(id);
  // Only what has nothing to look at leaves before the server has answered.
  const at_once = "bulk" in row.dataset;
  const name = told_of(row);
  const fields = new URLSearchParams({ verdict: "approve", version, key: crypto.randomUUID() });
  const sent = ask(`/r/${id}/decide`, { fields, as: "decide" }).then(async (answer) => {
    if (answer.status !== 204) throw await refusal_of(answer);
    return Number(answer.headers.get("x-left"));
  });
  const undo = async () => {
    if (!(await sent.catch(() => 0)) && !places.has(id)) return;
    await recall([id]);
    come_back([id]);
  };
  let told = at_once ? (leave([row]), toast(`Approved: ${name}`, { undo })) : null;
  try {
    const left = await sent;
    if (!at_once) {
      leave([row]);
      told = toast(`Approved: ${name}`, { undo, seconds: left || 8 });
    }
    if (!left) settle(told, `Approved: ${name}. It has taken effect.`);
  } catch (error) {
    going.delete(id);
    if (at_once) come_back([id]);
    const said = `Nothing was decided: ${name}. ${error.message}`;
    if (told) settle(told, said);
    else toast(said, { tone: "no", seconds: 8 });
  }
}

// -- several at once -------------------------------------------------------------------------------------------------

const picked = () => $$("#rows .pick:checked").map((box) => box.closest(".req"));

function money_of(chosen) {
  const sums = new Map();
  for (const { dataset } of chosen)
    if (dataset.amount) sums.set(dataset.currency, (sums.get(dataset.currency) ?? 0) + Number(dataset.amount));
  const shown = [...sums].map(([currency, sum]) =>
    new Intl.NumberFormat("en", { ...(currency && { style: "currency", currency }), maximumFractionDigits: Number.isInteger(sum) ? 0 : 2 }).format(sum));
  return shown.length ? `${shown.join(" and ")} in total` : "";
}

function bar() {
  const shown = $("#bulkbar");
  if (!shown) return;
  const chosen = picked();
  const able = chosen.filter((row) => "bulk" in row.dataset).length;
  const alone = chosen.length - able;
  shown.hidden = !chosen.length;
  $("[data-bulk-count]", shown).textContent = chosen.length;
  $("[data-bulk-total]", shown).textContent = money_of(chosen);
  $("[data-bulk-skip]", shown).textContent = alone ? `${alone} ${alone === 1 ? "needs" : "need"} individual review` : "";
  $("[data-bulk-able]", shown).textContent = able;
  $(".btn.yes", shown).disabled = !able;
}

function pick(row = cursor(), to) {
  const box = row && $(".pick", row);
  if (!box) return false;
  box.checked = to ?? !box.checked;
  bar();
}

async function pick_on(step) {
  pick(cursor(), true);
  await move(step);
  pick(cursor(), true);
}

function pick_all() {
  if (!is_waiting()) return false;
  const boxes = $$("#rows .pick");
  const every = boxes.every((box) => box.checked);
  for (const box of boxes) box.checked = !every;
  bar();
}

async function approve_picked() {
  const chosen = picked().filter((row) => "bulk" in row.dataset);
  const alone = picked().length - chosen.length;
  if (!chosen.length) {
    toast("Each of these needs a look of its own: open it to approve it.", { tone: "wa" });
    return;
  }
  const ids = chosen.map((row) => row.dataset.id);
  const fields = new URLSearchParams([["key", crypto.randomUUID()], ...chosen.map((row) => ["pick", $(".pick", row).value])]);
  for (const id of ids) going.add(id);
  leave(chosen);
  let done = ids;
  const sent = ask("/bulk", { fields, as: "bulk" }).then(async (answer) => {
    if (answer.status === 204) return new Set();
    if (!answer.ok) throw await refusal_of(answer);
    const told = await document_of(answer);
    return new Set($$(".line a.link", told).map((link) => link.pathname.split("/").pop()));
  });
  const undo = async () => {
    await sent;
    await recall(done);
    come_back(done);
  };
  const count = (number) => `${number} ${number === 1 ? "request" : "requests"}`;
  const told = toast(`Approved ${count(ids.length)}${alone ? `, ${alone} left to look at` : ""}`, { undo });
  try {
    const left = await sent;
    if (!left.size) return;
    done = ids.filter((id) => !left.has(id));
    come_back([...left]);
    told.shown.firstChild.textContent = `Approved ${count(done.length)}, ${left.size + alone} left to look at`;
    if (!done.length) settle(told, `Nothing was decided: ${count(left.size)} to look at one by one.`);
  } catch (error) {
    come_back(ids);
    settle(told, `Nothing was decided. ${error.message}`);
  }
}

// -- what others do --------------------------------------------------------------------------------------------------

let arrivals = new Set();

function show_arrivals() {
  const pill = $("#arrived");
  if (!pill) return;
  pill.hidden = !arrivals.size;
  $("span", pill).textContent = `${arrivals.size} new ${arrivals.size === 1 ? "request" : "requests"}`;
}

/** The list as the server has it now: rows that changed change in place, new ones wait behind the pill. */
const refresh = settled(250, async () => {
  if (!$("#total") || !["/queue", "/decided"].includes(location.pathname)) return;
  try {
    if (!$("#rows")) return await open_list(location.href);
    const told = await document_of(await ask(location.href, { as: "rows" }));
    if (!$(".req", told) && !$("#rows .req")) return await open_list(location.href);
    for (const fresh of $$(".req", told)) {
      const { id, version } = fresh.dataset;
      const row = row_of(id);
      if (row) {
        if (row.dataset.version !== version) seen.clear();
        const here = row.hasAttribute("aria-current");
        for (const mark of $$("[aria-current]", fresh)) mark.removeAttribute("aria-current");
        if (here) fresh.setAttribute("aria-current", "true");
        morph(row, fresh);
        const box = $(".pick", row);
        if (box) box.value = `${id}.${version}`;
        row.classList.remove("gone");
      } else if (!going.has(id)) arrivals.add(id);
    }
    const now = new Set($$(".req", told).map((row) => row.dataset.id));
    const all = rows();
    const reach = $("[data-more]", told) ? all.findLastIndex((row) => now.has(row.dataset.id)) : all.length;
    for (const row of all.slice(0, reach)) if (!now.has(row.dataset.id)) strike(row);
    show_arrivals();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
});

async function show_new() {
  if (!arrivals.size) return false;
  const wanted = arrivals;
  const here = cursor()?.dataset.id;
  arrivals = new Set();
  show_arrivals();
  const told = await document_of(await ask(location.href, { as: "rows" }));
  places.clear();
  $("#rows").replaceChildren(...told.body.childNodes);
  tidy();
  point(rows().find((row) => wanted.has(row.dataset.id)) ?? (here && row_of(here)) ?? rows()[0]);
}

/** Something happened to a request, here or elsewhere. */
export function heard(name, told) {
  if (!$("#total")) return;
  const row = told.id && row_of(told.id);
  const counts = told.counts ?? {};
  const view = new URLSearchParams(location.search).get("view") ?? "mine";
  const narrowed = ["q", "gate", "requester", "claimed_by"].some((term) => new URLSearchParams(location.search).has(term));
  if (is_waiting() && view in counts && !narrowed && $("#total").dataset.total !== String(counts[view])) show_total(counts[view]);
  if (name === "decided") {
    arrivals.delete(told.id);
    show_arrivals();
    if (row) strike(row);
    return;
  }
  if (name === "undone" && places.has(told.id)) {
    const counted = Number($("#total").dataset.total);
    come_back([told.id], { focus: false });
    if (view in counts && !narrowed) show_total(counted);
  }
  refresh();
}

/** It is decided elsewhere, or stands here no longer: struck through, and gone a moment later. */
function strike(row) {
  const { id } = row.dataset;
  if (going.has(id) || !is_waiting() || row.classList.contains("gone")) return;
  row.classList.add("gone");
  setTimeout(() => {
    if (!row.isConnected || !row.classList.contains("gone")) return;
    going.add(id);
    const counted = $("#total").dataset.total;
    leave([row]);
    show_total(Number(counted));
  }, 1800);
}

// -- searching as one types ------------------------------------------------------------------------------------------

let sifting;

async function open_list(address) {
  sifting?.abort();
  sifting = new AbortController();
  const told = await document_of(await ask(address, { as: "", signal: sifting.signal }));
  const field = $("#search");
  const typing = document.activeElement === field;
  const { value, selectionStart } = field ?? {};
  arrivals = new Set();
  places.clear();
  swap(told);
  if (!typing) return;
  const fresh = $("#search");
  fresh.value = value;
  fresh.focus({ preventScroll: true });
  fresh.setSelectionRange(selectionStart, selectionStart);
}

const sift = settled(140, async (field) => {
  const address = new URL(location);
  const before = address.searchParams.get("q") ?? "";
  const text = field.value.trim();
  if (text === before) return;
  address.searchParams.delete("after");
  address.searchParams.delete("done");
  if (text) address.searchParams.set("q", text);
  else address.searchParams.delete("q");
  // Each search is one step back, not each letter.
  if (before && text) history.replaceState({ sifted: true }, "", address);
  else history.pushState({ sifted: true }, "", address);
  try {
    await open_list(address);
  } catch (error) {
    if (error.name !== "AbortError") toast(error.message, { tone: "no" });
  }
});

addEventListener("popstate", () => {
  if ($("#total")) open_list(location.href).then(() => ($("#search").value = new URLSearchParams(location.search).get("q") ?? ""), () => location.reload());
});

// -- the page --------------------------------------------------------------------------------------------------------

export function start_list() {
  if (kept("preview") === "off") toggle_preview();
  document.addEventListener("change", (event) => event.target.matches("#rows .pick") && bar());
  document.addEventListener("reset", (event) => event.target.id === "bulk" && queueMicrotask(bar));
  document.addEventListener("input", (event) => event.target.id === "search" && sift(event.target));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-more]") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      more();
    }
    if (event.target.closest("#arrived")) show_new();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id === "bulk") approve_picked();
    else if (event.target.matches("form[data-decide=approve]")) approve(row_of($("#peek").dataset.id));
    else return;
    event.preventDefault();
  });
  for (const idle of $$("[data-nojs]")) idle.remove();
  bar();
  const open = (hash = "") => {
    const row = cursor();
    if (!row) return false;
    location.assign($(".title", row).href + hash);
  };
  offer({
    next: () => void move(1),
    previous: () => void move(-1),
    open: () => open(),
    reject: () => open("#reject"),
    send_back: () => open("#return"),
    snooze: () => open("#snooze"),
    edit: () => open("#edit"),
    preview: toggle_preview,
    approve: () => void approve(),
    approve_now: () => void approve(),
    undo: () => (offers_undo() ? void take_back() : false),
    pick: () => pick(),
    pick_next: () => void pick_on(1),
    pick_previous: () => void pick_on(-1),
    pick_all,
    arrivals: () => void show_new(),
    close(field) {
      if (field?.id === "search") return point(cursor() ?? rows()[0]);
      for (const box of $$("#rows .pick:checked")) box.checked = false;
      for (const menu of $$("details.menu[open]")) menu.open = false;
      bar();
    },
  });
}

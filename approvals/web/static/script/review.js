// One request: what edits lead to as they are made, the draft that is kept, and handing in a verdict.

import { $, $$, Refused, ask, document_of, make, refusal_of, settled, swap, words } from "./page.js";
import { dialog, offer } from "./keys.js";
import { morph } from "./morphing.js";
import { offers_undo, take_back, toast } from "./toasts.js";

const article = () => $("article[data-id]");
const form = () => $("#decide");
const address_of = (act) => `/r/${article().dataset.id}/${act}${article().dataset.context}`;
const clock = () => new Date().toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });

/** What the form says; buttons are no part of it unless one was pressed. */
function fields_of(from, button) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(from, button)) fields.append(name, value);
  return fields;
}

// -- while somebody types --------------------------------------------------------------------------------------------

let typing;
let unsaved = false;

const changed = () => {
  unsaved = true;
  tell_changes();
  autosave();
};

const tell_changes = settled(220, async () => {
  typing?.abort();
  typing = new AbortController();
  try {
    const answer = await ask(address_of("diff"), { fields: fields_of(form()), as: "diff", signal: typing.signal });
    if (!answer.ok) throw await refusal_of(answer);
    take_parts(await document_of(answer));
  } catch (error) {
    if (error.name !== "AbortError" && !(error instanceof Refused)) throw error;
  }
});

function take_parts(told) {
  for (const fresh of $$("[data-part]", told)) {
    const name = fresh.dataset.part;
    if (name === "approve-label") {
      const label = $("[data-part=approve] span");
      if (label) label.textContent = words(fresh);
    } else {
      const here = $(`[data-part="${name}"]`, article());
      if (here) morph(here, fresh);
      else if (name === "changes") form().append(fresh);
    }
  }
  count_wrong(Number($("[data-parts]", told)?.dataset.errors));
}

/** How many places are wrong, in the dock. */
function count_wrong(count) {
  const fix = $(".dock .fix");
  if (!count) return fix?.remove();
  const line = fix ?? make("a", { class: "fix", href: "#errors" });
  line.textContent = `${count} ${count === 1 ? "place" : "places"} to fix`;
  if (!fix) $(".dock .mid")?.prepend(line);
}

// -- keeping the draft -----------------------------------------------------------------------------------------------

const store_name = () => `draft.${article().dataset.id}.${article().dataset.version}`;

function keep_here(fields) {
  try {
    sessionStorage.setItem(store_name(), JSON.stringify({ at: clock(), fields: String(fields) }));
  } catch {
    // A browser that keeps nothing.
  }
}

const autosave = settled(2000, () => void save());

async function save({ keepalive = false } = {}) {
  autosave.cancel();
  if (!unsaved || !form()) return;
  const fields = fields_of(form());
  unsaved = false;
  try {
    const answer = await ask(address_of("save"), { fields, as: "save", keepalive });
    if (answer.status !== 204) throw await refusal_of(answer);
    sessionStorage.removeItem(store_name());
    say_kept(`Draft kept, ${clock()}`);
  } catch {
    // What the server does not take is kept in this tab, and sent again with the next edit or when the line is back.
    keep_here(fields);
    say_kept("Draft kept in this tab");
  }
}

function say_kept(text) {
  const mid = $(".dock .mid");
  if (!mid) return;
  const line = $("[data-kept]", mid) ?? mid.insertBefore(make("span", { "data-kept": "" }), mid.firstChild);
  line.textContent = text;
}

/** What this tab kept because the server could not; its answer shows it as it would show what was just typed. */
async function restore() {
  const text = sessionStorage.getItem(store_name());
  if (!text || !form()) return;
  try {
    const { at, fields } = JSON.parse(text);
    const sent = new URLSearchParams(fields);
    for (const name of ["csrf", "key"]) if (form().elements[name]) sent.set(name, form().elements[name].value);
    const answer = await ask(address_of("save"), { fields: sent, as: "save" });
    if (answer.status === 204) swap(await document_of(await ask(location.href, { as: "" })));
    else swap(await document_of(answer));
    sessionStorage.removeItem(store_name());
    toast(`Draft from ${at} restored`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
  }
}

// -- rows ------------------------------------------------------------------------------------------------------------

/** Add, move or remove a row: the server draws the form anew around what was typed. */
async function change_rows(button) {
  typing?.abort();
  tell_changes.cancel();
  try {
    const answer = await ask(address_of("diff"), { fields: fields_of(form(), button), as: "rows" });
    const told = await document_of(answer);
    const { focus } = $("[data-parts]", told).dataset;
    const fresh = $("[data-part=form]", told);
    fresh.remove();
    $("[data-part=form]", form()).replaceWith(fresh);
    take_parts(told);
    const place = focus && document.getElementById(focus);
    const again = $$("button[name=__do]", fresh).find((one) => one.value === button.value && !one.disabled);
    (again ?? (place && field_in(place)) ?? $("button[name=__do]:not(.form-default)", fresh))?.focus();
    unsaved = true;
    autosave();
  } catch (error) {
    toast(error.message, { tone: "no" });
  }
}

const field_in = (place) => (place.matches("input, textarea, select") ? place : $("input:not([type=hidden]), textarea, select", place));

// -- handing in ------------------------------------------------------------------------------------------------------

let deciding = false;

async function hand_in(from, button) {
  if (deciding) return;
  deciding = true;
  tell_changes.cancel();
  autosave.cancel();
  const fields = fields_of(from, button);
  from.setAttribute("aria-busy", "true");
  try {
    const answer = await ask(from.action, { fields, as: "confirm" });
    if (answer.status === 204) {
      unsaved = false;
      sessionStorage.removeItem(store_name());
      location.assign(answer.headers.get("x-location"));
      return;
    }
    const told = await document_of(answer);
    const confirm = $(".confirm", told);
    if (confirm) return ask_again(confirm);
    $("dialog[open]")?.close();
    swap(told);
    const wrong = $("#decide [aria-invalid=true], .panel [aria-invalid=true]");
    if (wrong) unfold(wrong);
    (wrong ?? $("#errors a"))?.focus({ preventScroll: true });
    (wrong ?? $(".note[role=alert], .note.wa"))?.scrollIntoView({ block: "center" });
    show_lost();
  } catch (error) {
    $("dialog[open]")?.close();
    keep_here(fields);
    toast(`Nothing was decided. ${error.message}`, { tone: "no", seconds: 8 });
  } finally {
    deciding = false;
    from.removeAttribute("aria-busy");
  }
}

/** High risk: what follows, once more, with the focus on Cancel. */
function ask_again(confirm) {
  confirm.classList.remove("card");
  const shown = dialog({ "aria-labelledby": "confirm-title" }, document.importNode(confirm, true));
  $("[data-cancel]", shown).addEventListener("click", (event) => {
    event.preventDefault();
    shown.close();
  });
  $("[data-cancel]", shown).focus();
}

function approve_now() {
  const button = $("[data-part=approve]");
  if (!button) return false;
  hand_in(form(), button);
}

// -- what others do --------------------------------------------------------------------------------------------------

const edits = () => $$("#changes .change");

function copied() {
  const from = $("#lost") ?? $("#changes");
  return $$(".change", from).map((one) => {
    const kept = [...$$(".diff > *, .diff", one).at(0)?.childNodes ?? []].filter((node) => node.nodeName !== "DEL").map((node) => node.textContent);
    return `${words($("header span", one))}: ${kept.join("").trim()}`;
  }).join("\n\n");
}

async function copy() {
  try {
    await navigator.clipboard.writeText(copied());
    toast("Your edits are copied.");
  } catch {
    toast("This browser does not let pages copy. Mark the text instead.", { tone: "no" });
  }
}

function show_lost() {
  for (const button of $$("[data-copy]")) button.hidden = false;
}

/** In place of the dock: who decided, that nothing is lost, and the way on. */
function stand_down(text) {
  const dock = $(".dock");
  if (!dock || "stoodDown" in dock.dataset) return;
  autosave.cancel();
  const many = edits().length;
  const on = $("#next", dock);
  const show = make("a", { class: "btn", href: location.pathname + location.search }, "Show it");
  const line = make("p", { role: "alert" }, make("b", {}, text), many ? " Your edits are kept on this page." : "");
  const parts = [line, make("span", { class: "gap" })];
  if (many) {
    const button = make("button", { class: "btn", type: "button" }, "Copy edits");
    button.addEventListener("click", copy);
    parts.push(button);
  }
  parts.push(show);
  if (on) parts.push(Object.assign(on, { className: "btn" }));
  dock.dataset.stoodDown = "";
  dock.replaceChildren(...parts);
}

/** Something happened to a request. */
export function heard_here(name, told) {
  if (article() && $(".dock") && (name === "resync" || told.id === article().dataset.id)) look_again();
}

const look_again = settled(120, async () => {
  const here = article();
  if (!here || deciding) return;
  const answer = await ask(location.href, { as: "" });
  if (!answer.ok) return;
  const fresh = await document_of(answer);
  const now = $("article[data-id]", fresh);
  if (!now) return;
  if (!["pending", "claimed"].includes(now.dataset.state) && now.dataset.state !== here.dataset.state) {
    const outcome = $("[data-outcome] b", now) ?? $(".note b", now);
    return stand_down(outcome ? words(outcome) : "This was decided.");
  }
  if (now.dataset.version !== here.dataset.version) return stand_down("This changed since you read it.");
  for (const part of [".meta", "#activity .timeline"]) {
    const old = $(part, here);
    const next = $(part, now);
    if (old && next) morph(old, next);
  }
});

// -- the page --------------------------------------------------------------------------------------------------------

function open_panel(name, otherwise) {
  const panel = document.getElementById(name);
  if (!panel?.matches("details.ask")) return otherwise ?? false;
  panel.open = true;
  $("textarea, button[name], select", $(".panel", panel))?.focus();
}

function unfold(place) {
  for (let fold = place.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
}

function edit_first() {
  const field = $("#decide textarea:not([readonly])") ?? $("#decide input[type=text]:not([readonly])");
  if (!field) return false;
  unfold(field);
  field.focus();
  field.scrollIntoView({ block: "center" });
}

function leave_panels() {
  const open = $("details.ask[open]");
  if (open) {
    open.open = false;
    $("summary", open).focus();
  } else document.activeElement?.blur();
}

export function start_review() {
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.dataset.mirror) return mirror(field);
    if (form()?.contains(field) && field.name !== "tags") changed();
  });
  document.addEventListener("submit", (event) => {
    const from = event.target;
    const button = event.submitter;
    if (from.matches("#decide") && button?.name === "__do" && button.value !== "save") change_rows(button);
    else if (from.matches("#decide") && button?.value !== "approve") void save();
    else if (from.matches("#decide, .confirm form, #reject form, #return form, #snooze form")) hand_in(from, button);
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-copy]")) copy();
    const show = event.target.closest("[data-show]");
    if (show) go_to(event, show.hash.slice(1));
    const wrong = event.target.closest("#errors a, .dock .fix");
    if (wrong && wrong.hash !== "#errors") go_to(event, wrong.hash.slice(1));
    if (!event.target.closest("details.ask")) for (const open of $$("details.ask[open]")) open.open = false;
  });
  addEventListener("pagehide", () => void save({ keepalive: true }));
  addEventListener("online", () => void save());
  document.addEventListener("countersign:live", () => {
    if (sessionStorage.getItem(store_name())) {
      unsaved = true;
      void save();
    }
  });
  for (const box of $$("[data-mirror]")) box.hidden = false;
  show_lost();
  const step = (selector) => {
    const link = $(selector);
    if (!link) return false;
    location.assign(link.href);
  };
  offer({
    next: () => step("a.next"),
    previous: () => step("a.prev"),
    approve: approve_now,
    approve_now,
    reject: () => open_panel("reject"),
    send_back: () => open_panel("return"),
    snooze: () => open_panel("snooze"),
    edit: edit_first,
    changes() {
      const part = $("#changes");
      if (!part) return false;
      part.tabIndex = -1;
      part.focus({ preventScroll: true });
      part.scrollIntoView({ block: "start" });
    },
    undo: () => {
      if (offers_undo()) return void take_back();
      const button = $("form[data-undo] button");
      if (!button) return false;
      button.click();
    },
    close: (field) => (field ? field.closest("details.ask") && leave_panels() : $("details.ask[open]") ? leave_panels() : step("[data-back]")),
  });
  if (location.hash === "#edit") edit_first();
  else if (location.hash) open_panel(location.hash.slice(1));
  void restore();
}

function go_to(event, id) {
  const place = document.getElementById(id);
  if (!place) return;
  event.preventDefault();
  unfold(place);
  const field = field_in(place) ?? place;
  unfold(field);
  if (field === place && !field.matches("input, textarea, select")) field.tabIndex = -1;
  field.focus({ preventScroll: true });
  place.scrollIntoView({ block: "center" });
}

/** A tick beside an effect is the tick of the field that it mirrors. */
function mirror(box) {
  const field = document.getElementById(`f-${box.dataset.mirror}`);
  if (!field || field.type !== "checkbox") return;
  field.checked = box.checked;
  changed();
}

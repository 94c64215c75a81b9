// The keyboard: what each key does, help, and the palette. Never in a field, in a dialog or with another key held.

import { $, $$, apple, keep, kept, make, other_theme, set_theme } from "./page.js";

const MAP = [
  ["Move", "next", "j", "Next", "ArrowDown"],
  ["Move", "previous", "k", "Previous", "ArrowUp"],
  ["Move", "open", "o", "Open", "Enter"],
  ["Move", "preview", " ", "Preview on or off"],
  ["Move", "search", "/", "Search"],
  ["Move", "arrivals", ".", "Show new requests"],
  ["Move", "close", "Escape", "Clear or close"],
  ["Decide", "approve", "a", "Approve"],
  ["Decide", "approve_now", "mod+Enter", "Approve, also from a field"],
  ["Decide", "reject", "r", "Reject"],
  ["Decide", "send_back", "b", "Send back"],
  ["Decide", "snooze", "s", "Snooze"],
  ["Decide", "undo", "z", "Undo"],
  ["Decide", "edit", "e", "Edit the first text"],
  ["Decide", "changes", "d", "My changes"],
  ["Select", "pick", "x", "Select"],
  ["Select", "pick_next", "shift+j", "Select on, downwards"],
  ["Select", "pick_previous", "shift+k", "Select on, upwards"],
  ["Select", "pick_all", "mod+a", "Select all that is loaded"],
  ["Go", "go_queue", "g q", "Go to what waits for you"],
  ["Go", "go_everyone", "g e", "Go to what waits for everyone"],
  ["Go", "go_high", "g h", "Go to high risk"],
  ["Go", "go_insights", "g i", "Go to insights"],
  ["Go", "go_decided", "g d", "Go to what was decided"],
  ["Go", "palette", "mod+k", "Commands"],
  ["Go", "help", "?", "Keys"],
  ["Go", "theme", "t", "Light or dark"],
];
const REPEATED = new Set(["next", "previous", "pick_next", "pick_previous"]);
const SPOKEN = { " ": "Space", mod: apple ? "⌘" : "Ctrl", shift: "⇧", Enter: "↵", Escape: "Esc" };

const commands = {
  go_queue: () => location.assign("/queue"),
  go_everyone: () => location.assign("/queue?view=all"),
  go_high: () => location.assign("/queue?view=high"),
  go_insights: () => location.assign("/insights"),
  go_decided: () => location.assign("/decided"),
  help,
  palette,
  theme: () => set_theme(other_theme()),
};

/** What the keys of this page do; a command that answers `false` did not want the key. */
export function offer(more) {
  Object.assign(commands, more);
}

// -- which key -------------------------------------------------------------------------------------------------------

const chosen = () => {
  try {
    return JSON.parse(kept("keys", "{}"));
  } catch {
    return {};
  }
};
let bound = chosen();
const key_of = ([, name, key]) => bound[name] ?? key;
const single = (key) => !key.startsWith("mod+") && key !== "Escape";
export const single_keys = () => kept("single-keys") !== "off";

function show_hints() {
  document.documentElement.toggleAttribute("data-keys", single_keys());
  if (apple) for (const hint of $$("kbd")) hint.textContent = hint.textContent.replace("Ctrl", "⌘");
}

function pressed(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const held = event.ctrlKey || event.metaKey ? "mod+" : "";
  const shifted = event.shiftKey && /^[a-z]$/.test(key) ? "shift+" : "";
  return held + shifted + key;
}

const in_field = (target) =>
  target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio], [type=button])");
const acts_itself = (target) => target.matches("a[href], button, summary, input, label");

let begun = "";
let forget;

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || event.key === "Shift") return;
  const target = event.target instanceof Element ? event.target : document.body;
  const name = pressed(event);
  if ($("dialog[open]")) return;
  if (in_field(target)) {
    if (name === "Escape") {
      target.blur();
      commands.close?.(target);
    } else if (name === "mod+Enter" || name === "mod+k") run(event, name);
    return;
  }
  if ((name === "Enter" || name === " ") && acts_itself(target) && !(name === " " && target.matches("a"))) return;
  if (single(name) && !single_keys()) return;
  const sequence = begun ? `${begun} ${name}` : name;
  begun = "";
  if (MAP.some((entry) => key_of(entry).startsWith(`${sequence} `))) {
    begun = sequence;
    clearTimeout(forget);
    forget = setTimeout(() => (begun = ""), 1500);
    event.preventDefault();
    return;
  }
  run(event, sequence);
});

function run(event, key) {
  const entry = MAP.find((one) => key_of(one) === key || one[4] === key);
  const act = entry && commands[entry[1]];
  if (!act || (event.repeat && !REPEATED.has(entry[1]))) return;
  if (act(event) !== false) event.preventDefault();
}

// -- help ------------------------------------------------------------------------------------------------------------

export const spelled = (key) =>
  key.split(/[+ ](?=.)/).map((part) => SPOKEN[part] ?? (part === "" ? "Space" : part.length === 1 ? part.toUpperCase() : part));

function caps(entry) {
  const key = key_of(entry);
  const shown = key === " " ? ["Space"] : spelled(key);
  const button = make("button", { type: "button", class: "caps", "aria-label": `${entry[3]}: ${shown.join(" ")}. Press to change` });
  button.append(...shown.map((part) => make("kbd", {}, part)));
  button.addEventListener("click", () => rebind(button, entry));
  return single(key) && !key.includes(" ") ? button : make("span", { class: "caps" }, ...shown.map((part) => make("kbd", {}, part)));
}

function rebind(button, entry) {
  button.replaceChildren(make("kbd", {}, "Press a key"));
  button.addEventListener("keydown", function taken(event) {
    if (event.key === "Shift" || event.key === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    button.removeEventListener("keydown", taken);
    const key = pressed(event);
    const clash = MAP.some((other) => other !== entry && (key_of(other) === key || key_of(other).startsWith(`${key} `)));
    if (key !== "Escape" && !clash && single(key)) {
      bound = { ...bound, [entry[1]]: key };
      if (key === entry[2]) delete bound[entry[1]];
      keep("keys", JSON.stringify(bound));
    }
    const fresh = caps(entry);
    button.replaceWith(fresh);
    fresh.focus();
  });
}

export function dialog(attributes, ...children) {
  const shown = make("dialog", attributes, ...children);
  document.body.append(shown);
  const before = document.activeElement;
  shown.addEventListener("close", () => {
    shown.remove();
    if (before?.isConnected) before.focus({ preventScroll: true });
  });
  shown.addEventListener("click", (event) => {
    if (event.target === shown) shown.close();
  });
  shown.showModal();
  return shown;
}

function help() {
  const groups = Map.groupBy ? Map.groupBy(MAP, ([group]) => group) : new Map();
  if (!groups.size) for (const entry of MAP) groups.set(entry[0], [...(groups.get(entry[0]) ?? []), entry]);
  const columns = [...groups].map(([group, entries]) =>
    make("section", {}, make("h3", {}, group), make("dl", {}, ...entries.flatMap((entry) => [
      make("dt", {}, caps(entry)), make("dd", {}, entry[3]),
    ]))));
  const box = make("input", { type: "checkbox", id: "single-keys" });
  box.checked = single_keys();
  box.addEventListener("change", () => {
    keep("single-keys", box.checked ? null : "off");
    show_hints();
  });
  const close = make("button", { type: "button", class: "btn small", autofocus: "" }, "Close");
  const shown = dialog({ class: "keyhelp", "aria-labelledby": "keys-title" },
    make("header", {}, make("h2", { id: "keys-title" }, "Keys"), close),
    make("div", { class: "cols" }, ...columns),
    make("label", { class: "switch", for: "single-keys" }, box, make("span", {}, make("b", {}, "Single keys"),
      make("small", {}, `Turn them off when you speak to your computer. Those with ${SPOKEN.mod} go on working. Press a key above to change it.`))));
  close.addEventListener("click", () => shown.close());
}

// -- the palette -----------------------------------------------------------------------------------------------------

function palette() {
  const field = make("input", { type: "text", "aria-label": "Command or search", placeholder: "Do something, or search", role: "combobox", "aria-expanded": "true", "aria-controls": "found", autocomplete: "off", spellcheck: "false", autofocus: "" });
  const list = make("ul", { id: "found", role: "listbox", "aria-label": "Commands" });
  const shown = dialog({ class: "palette", "aria-label": "Commands" }, field, list);
  let place = 0;
  let entries = [];

  const fill = () => {
    const text = field.value.trim().toLowerCase();
    entries = MAP.filter(([, name, , told]) => commands[name] && name !== "palette" && told.toLowerCase().includes(text))
      .map((entry) => ({ told: entry[3], key: key_of(entry), act: () => commands[entry[1]]() }));
    if (text) entries.push({ told: `Search everyone’s requests for “${field.value.trim()}”`, act: () => location.assign(`/queue?view=all&q=${encodeURIComponent(field.value.trim())}`) });
    place = 0;
    list.replaceChildren(...entries.map((entry, number) => {
      const line = make("li", { role: "option", id: `found-${number}` }, make("span", {}, entry.told, ...(entry.key ? [make("kbd", {}, entry.key === " " ? "Space" : spelled(entry.key).join(" "))] : [])));
      line.addEventListener("click", () => choose(number));
      return line;
    }));
    point();
  };
  const point = () => {
    [...list.children].forEach((line, number) => line.firstChild.toggleAttribute("data-here", number === place));
    [...list.children].forEach((line, number) => line.setAttribute("aria-selected", number === place));
    list.children[place]?.scrollIntoView({ block: "nearest" });
    if (entries.length) field.setAttribute("aria-activedescendant", `found-${place}`);
  };
  const choose = (number) => {
    shown.close();
    // Once the dialog has given the focus back.
    queueMicrotask(() => entries[number]?.act());
  };
  field.addEventListener("input", fill);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && entries.length) place = (place + step + entries.length) % entries.length;
    else if (event.key === "Enter") return event.preventDefault(), choose(place);
    else return;
    event.preventDefault();
    point();
  });
  fill();
}

show_hints();

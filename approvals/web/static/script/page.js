// The page: finding its parts, asking the server for others, and taking in what it answers.

export const $ = (selector, within = document) => within.querySelector(selector);
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
export const kind = () => document.body.dataset.page;
export const apple = /mac|iphone|ipad/i.test(navigator.platform);

/** A new element; texts are texts, never markup. */
export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Runs once things have been quiet for a while. */
export function settled(milliseconds, act) {
  let timer;
  const later = (...terms) => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds, ...terms);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

export function kept(name, otherwise = null) {
  try {
    return localStorage.getItem(`countersign.${name}`) ?? otherwise;
  } catch {
    return otherwise; // a browser that keeps nothing
  }
}

export function keep(name, value) {
  try {
    if (value == null) localStorage.removeItem(`countersign.${name}`);
    else localStorage.setItem(`countersign.${name}`, value);
  } catch {
    // It holds for this page, then.
  }
}

// -- asking ----------------------------------------------------------------------------------------------------------

/** The server said no, or did not answer; the message is a sentence. */
export class Refused extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

let waiting = 0;
const busy = (more) => document.documentElement.toggleAttribute("data-busy", (waiting += more) > 0);

/** What our own server answers; `as` names the part that is wanted, `fields` are sent as a form. */
export async function ask(address, { fields, as = "part", signal, keepalive } = {}) {
  const headers = { "X-CSRF-Token": $("meta[name=csrf]")?.content ?? "", ...(as ? { "X-Fragment": as } : { Accept: "text/html" }) };
  let late = false;
  const clock = setTimeout(() => busy((late = true) && 1), 400);
  try {
    return await fetch(address, { method: fields ? "POST" : "GET", body: fields, headers, signal, keepalive });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The queue cannot be reached.");
  } finally {
    clearTimeout(clock);
    if (late) busy(-1);
  }
}

// Nothing becomes markup but the text that our own server has just sent as a page.
let ours = null;
const policy = globalThis.trustedTypes?.createPolicy("frag", {
  createHTML(text) {
    if (text !== ours) throw new TypeError("Only pages of this server are taken in.");
    return text;
  },
}) ?? { createHTML: (text) => text };

/** The answer as a document of its own, in which nothing runs. */
export async function document_of(response) {
  const own = response.type === "basic" && new URL(response.url).origin === location.origin;
  if (!own || !response.headers.get("content-type")?.startsWith("text/html")) throw await refusal_of(response);
  ours = await response.text();
  try {
    return new DOMParser().parseFromString(policy.createHTML(ours), "text/html");
  } finally {
    ours = null;
  }
}

/** Why the server refused, in its own words. */
export async function refusal_of(response) {
  if (response.status === 401) return new Refused("You are signed out. Reload the page to sign in.", 401);
  const type = response.headers.get("content-type") ?? "";
  try {
    if (type.includes("json")) {
      const problem = await response.json();
      return new Refused(problem.detail || problem.title || "The queue refused this.", response.status);
    }
    const told = await document_of(response);
    const line = $(".note[role=alert], .note.wa, .line .grow p + p, .wall p, .note", told);
    return new Refused(line ? words(line) : "The queue refused this.", response.status);
  } catch (error) {
    return error instanceof Refused ? error : new Refused("The queue answered nothing that can be read.", response.status);
  }
}

export const words = (element) => element.textContent.replace(/\s+/g, " ").trim();

/** Put the page's main part in place of ours. */
export function swap(told, { focus } = {}) {
  const main = $("#main");
  main.replaceChildren(...$("#main", told).childNodes);
  document.title = told.title;
  (focus && $(focus, main))?.focus();
}

// -- theme -----------------------------------------------------------------------------------------------------------

export function set_theme(theme) {
  document.documentElement.dataset.theme = theme;
  $("meta[name=color-scheme]").content = theme;
  document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

export function other_theme() {
  const chosen = document.documentElement.dataset.theme;
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  return dark ? "light" : "dark";
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.theme")) return;
  event.preventDefault();
  set_theme(event.submitter?.value ?? other_theme());
});

// What was just done, said at the edge, with its undo while that lasts.

import { $, ask, document_of, make, refusal_of, swap } from "./page.js";

let last = null;

/** Say it. `undo` is what Undo does; it stands for `seconds`. */
export function toast(text, { undo = null, seconds = undo ? 8 : 5, tone = "" } = {}) {
  const shown = make("div", { class: `toast ${tone}`.trim() }, make("span", {}, text));
  const told = { text, undo, shown, gone: () => shown.remove() };
  if (undo) {
    const button = make("button", { class: "btn", type: "button", "data-undo-now": "" }, "Undo ", make("kbd", {}, "Z"));
    button.addEventListener("click", () => take_back(told));
    const fuse = make("span", { class: "fuse" });
    fuse.style.animationDuration = `${seconds}s`;
    shown.append(button, fuse);
    last = told;
  }
  $("#toasts").append(shown);
  told.timer = setTimeout(told.gone, seconds * 1000);
  while ($("#toasts").children.length > 3) $("#toasts").firstElementChild.remove();
  return told;
}

/** Change what a toast says, and have it go soon. */
export function settle(told, text) {
  clearTimeout(told.timer);
  if (last === told) last = null;
  told.gone();
  return toast(text);
}

export const offers_undo = () => last !== null;

/** Undo what was done last; also after its time, to be told honestly that it is too late. */
export async function take_back(told = last) {
  if (!told?.undo) return;
  if (last === told) last = null;
  clearTimeout(told.timer);
  told.gone();
  try {
    await told.undo();
  } catch (error) {
    toast(`Not undone. ${error.message}`, { tone: "no", seconds: 8 });
  }
}

/** Take decisions back; throws with the server's words where it is too late. */
export async function recall(ids) {
  const fields = new URLSearchParams(ids.map((id) => ["id", id]));
  const answer = await ask("/undo", { fields, as: "undo" });
  if (answer.status !== 204) throw await refusal_of(answer);
}

/** The page before told us what was done there: say it, and have its undo lead back to it. */
export function welcome() {
  const flash = $(".flash");
  if (!flash) return;
  const form = $("form[data-undo]", flash);
  const ids = form ? [...new FormData(form).getAll("id")] : [];
  const seconds = Number(/ in (\d+) s/.exec(flash.textContent)?.[1] ?? 0);
  const text = $("p", flash).textContent.replace(/ It takes effect in \d+ s\./, "");
  const undo = async () => {
    await recall(ids);
    const back = new URL(`/r/${ids[0]}`, location.origin);
    if (ids.length > 1) return location.reload();
    const from = new URLSearchParams(location.search);
    from.delete("done");
    back.search = from;
    location.assign(back);
  };
  toast(text, ids.length && seconds ? { undo, seconds } : {});
  flash.remove();
  const address = new URL(location);
  address.searchParams.delete("done");
  history.replaceState(history.state, "", address);
}

/** The same page, as the server has it now. */
export async function renewed(focus) {
  const answer = await ask(location.href, { as: "" });
  swap(await document_of(answer), { focus });
}

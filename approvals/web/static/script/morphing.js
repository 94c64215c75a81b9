// Making a part of the page look as the server sees it now, without touching what somebody types or where they are.

const name_of = (node) =>
  node.id || (node.dataset && (node.dataset.row || node.dataset.id || node.dataset.path || node.dataset.part)) || null;
const typed = (node) => node.nodeName === "INPUT" || node.nodeName === "TEXTAREA" || node.nodeName === "SELECT";
const is_own = (node, name) =>
  (name === "open" && node.nodeName === "DETAILS") || (typed(node) && (name === "value" || name === "checked"));

/** Have `old` say what `fresh` says; controls keep their values and details stay open. `fresh` is used up. */
export function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || name_of(old) !== name_of(fresh)) {
    old.replaceWith(fresh);
    return fresh;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return old;
  }
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !is_own(old, name) && !name.startsWith("data-own")) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value && !is_own(old, name)) old.setAttribute(name, value);
  if (!typed(old)) morph_children(old, fresh);
  return old;
}

function morph_children(old, fresh) {
  const named = new Map();
  for (const child of old.childNodes) if (name_of(child)) named.set(name_of(child), child);
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const same = name_of(wanted) && named.get(name_of(wanted));
    if (same && same !== place) old.insertBefore(same, place);
    const here = same || place;
    if (!here) {
      old.append(wanted);
      continue;
    }
    // One that stands further down under its own name is not written over.
    const foreign = !same && name_of(here) !== name_of(wanted);
    if (foreign) old.insertBefore(wanted, here);
    else place = morph(here, wanted).nextSibling;
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

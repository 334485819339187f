// Building the page. Whatever a node or an operator named becomes text here, never markup.

export const at = (id) => document.getElementById(id);

// Children are nodes, or become text; null and undefined are left out.
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Leaves a node alone that says so already: a selection in it stays, and nothing is announced again.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export const cell = (child, className) => element("td", className, child);
export const numberCell = (text, className = "") => element("td", `number ${className}`.trim(), text);

// What a row is about.
export function head(child) {
  const made = element("th", null, child);
  made.scope = "row";
  return made;
}

export const row = (...cells) => element("tr", null, ...cells);

export function emptyRow(columns, words) {
  const made = element("td", "quiet", words);
  made.colSpan = columns;
  return row(made);
}

// Controls, and what reorders, hides or joins the characters around it: shown by number (Unicode Standard Annex 9
// section 2, and the format characters of the General Punctuation block).
const kUnseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const kLongest = 240;

function visible(text) {
  const all = String(text);
  const shown = all.replace(kUnseen,
    (one) => `\u27e8U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
  return shown.length <= kLongest ? shown : `${shown.slice(0, kLongest)}… (${all.length} characters)`;
}

// Text from outside: of a direction of its own, so that it cannot turn its surroundings round.
export const foreign = (text) => element("bdi", "foreign", visible(text));

// RFC 3339, as the gateway's sentences have it.
const kTimes = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

// A sentence of the gateway with its times as people read them; `words` makes these.
export function prose(text, words) {
  return String(text).split(kTimes).filter(Boolean).map((part) =>
    (kTimes.test(part) ? time(part, words(part)) : foreign(part)));
}

export function deviceLink(name) {
  const link = element("a", null, foreign(name));
  link.href = `#device=${encodeURIComponent(name)}`;
  return link;
}

export function time(when, words) {
  const made = element("time", null, words);
  made.dateTime = when;
  made.title = when;
  return made;
}

// The children of `box` become one node an item, each made once for its key and then only updated.
export function keep(box, items, keyOf, make, update) {
  const old = new Map([...box.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const node = old.get(key) || make(item);
    node.dataset.key = key;
    update(node, item);
    return node;
  });
  if (wanted.length !== box.children.length || wanted.some((node, i) => box.children[i] !== node))
    box.replaceChildren(...wanted);
}

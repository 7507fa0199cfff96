// The words of the page in the reader's language, and numbers and times as that language writes them.

import { ofTab } from "./storage.js";
import { en } from "./texts/en.js";
import { fr } from "./texts/fr.js";

// French has a space before these signs, at which no line may break.
const spaced = (table) =>
  Object.fromEntries(Object.entries(table).map(([key, text]) => [key, text.replace(/ (?=[:;?!»])|(?<=«) /g, "\u00a0")]));
const TABLES = { en, fr: spaced(fr) };
const STORED = "whisper-language";

let current = chosen();
document.documentElement.lang = current;

/** The code of the language that the page speaks now. */
export const language = () => current;

/** Switch the language; listeners of `words` on the document write their texts again. */
export function speak(code) {
  current = code in TABLES ? code : "en";
  ofTab.setItem(STORED, current);
  document.documentElement.lang = current;
  document.dispatchEvent(new CustomEvent("words"));
}

/**
 * The text of a key, with `values` in the place of `{name}`.
 *
 * With a `count` among the values, the language's plural category chooses the text: `files.one`, `files.other`.
 * The result is plain text: it goes into `textContent` and attributes, never into markup.
 */
export function text(key, values = {}) {
  const found = "count" in values ? `${key}.${new Intl.PluralRules(current).select(values.count)}` : key;
  const template = TABLES[current][found] ?? TABLES[current][`${key}.other`] ?? TABLES[current][key] ?? TABLES.en[key];
  if (template === undefined) throw new Error(`no text for ${key}`);
  return template.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

/** Whether there is a text for a key. */
export const has = (key) => key in TABLES.en;

/** The language with the region that the reader's browser has for it, which decides on hours and separators. */
const locale = () => navigator.languages.find((code) => code.slice(0, 2) === current) ?? current;

/** A number as the language writes it. */
export const number = (value, options) => new Intl.NumberFormat(locale(), options).format(value);

/** A moment as the language writes it: the time, and the day unless it is today. */
export function moment(date) {
  const today = new Date().toDateString() === date.toDateString();
  return new Intl.DateTimeFormat(locale(), { ...(today ? {} : { dateStyle: "medium" }), timeStyle: "short" }).format(date);
}

/** Write the texts of every element below `root` that names its key in `data-text` or `data-label`. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", text(element.dataset.label));
  }
}

function shown(value) {
  return typeof value === "number" ? number(value) : String(value);
}

function chosen() {
  const wished = [ofTab.getItem(STORED), ...navigator.languages].map((code) => code?.slice(0, 2));
  return wished.find((code) => code in TABLES) ?? "en";
}

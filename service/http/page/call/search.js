// What was said, found: by text, and by who said it.

import { text } from "../texts.js";
import { position } from "./clock.js";
import { element, iconButton } from "./elements.js";

const UP = "M5 15l7-7 7 7";
const DOWN = "M5 9l7 7 7-7";
const foldings = new WeakMap();

/**
 * The search field. `onHits(hits, current, {go})` follows it; `go` is true if the reader goes to a hit.
 *
 * Escape leaves the field for the current hit (`onLeave`), or clears it if there is none.
 */
export class Search {
  #call = null;
  #hits = [];
  #index = -1;

  constructor({ onHits, onLeave }) {
    this.onHits = onHits;
    this.onLeave = onLeave;
    this.field = element("input", {
      type: "search",
      data: { label: "call.search" },
      oninput: () => this.#search(),
      onkeydown: (event) => this.#onKey(event),
    });
    this.speaker = element("select", { data: { label: "call.search.speaker" }, onchange: () => this.#search() });
    this.status = element("span", { className: "call-hits", role: "status" });
    this.buttons = [
      iconButton("call.search.previous", UP, { onclick: () => this.step(-1) }),
      iconButton("call.search.next", DOWN, { onclick: () => this.step(1) }),
    ];
    this.root = element("search", { className: "call-search" }, this.speaker, this.field, ...this.buttons, this.status);
  }

  /** Search in this call from now on. */
  show(call) {
    this.#call = call;
    this.translate();
    this.#search();
  }

  /** Write the texts again in the reader's language. */
  translate() {
    this.field.placeholder = text("call.search");
    const chosen = this.speaker.value;
    const lanes = this.#call?.lanes ?? [];
    this.speaker.hidden = lanes.length < 2;
    this.speaker.replaceChildren(
      element("option", { value: "", textContent: text("call.search.everyone") }),
      ...lanes.map((channel) => element("option", { value: channel, textContent: this.#call.speaker(channel) })),
    );
    this.speaker.value = lanes.map(String).includes(chosen) ? chosen : "";
    this.#tell();
  }

  /** Go to the next hit (1) or the previous one (-1); round at the ends. */
  step(by) {
    if (!this.#hits.length) return;
    const from = this.#index < 0 && by < 0 ? 0 : this.#index;
    this.#index = (from + by + this.#hits.length) % this.#hits.length;
    this.#tell();
    this.onHits(this.#hits, this.#hits[this.#index], { go: true });
  }

  /** Search again, since the call has grown; the current hit stays. */
  refresh() {
    if (this.field.value.trim()) this.#search({ keep: this.#hits[this.#index] });
  }

  #search({ keep = null } = {}) {
    const wanted = fold(this.field.value.trim()).plain;
    const channel = this.speaker.value;
    const segments = this.#call?.segments ?? [];
    const within = segments.filter((segment) => !channel || segment.channel === Number(channel));
    this.#hits = wanted ? within.flatMap((segment) => hitsIn(segment, wanted)) : [];
    this.#index = keep ? this.#hits.findIndex(({ segment, from }) => segment === keep.segment && from === keep.from) : -1;
    this.#tell();
    this.onHits(this.#hits, this.#hits[this.#index] ?? null, { go: false });
  }

  #tell() {
    const asked = Boolean(this.field.value.trim());
    const hit = this.#hits[this.#index];
    for (const button of this.buttons) button.disabled = !this.#hits.length;
    if (!asked) this.status.textContent = "";
    else if (!hit) this.status.textContent = text("call.hits", { count: this.#hits.length });
    else {
      const where = [this.#call.speaker(hit.channel), position(hit.start)].filter(Boolean).join(" ");
      this.status.textContent = text("call.hit", { number: this.#index + 1, of: this.#hits.length, where });
    }
  }

  #onKey(event) {
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && this.#hits[this.#index]) this.onLeave(this.#hits[this.#index]);
    else if (event.key === "Escape" && this.field.value) {
      this.field.value = "";
      this.#search();
    } else return;
    event.preventDefault();
  }
}

function hitsIn(segment, wanted) {
  if (!foldings.has(segment)) foldings.set(segment, fold(segment.text));
  const { plain, places } = foldings.get(segment);
  const hits = [];
  for (let at = plain.indexOf(wanted); at >= 0; at = plain.indexOf(wanted, at + wanted.length)) {
    const [from, to] = [places[at], places[at + wanted.length]];
    const word = segment.words.findLast((before) => before.at <= from);
    const { start, end } = word ?? segment;
    hits.push({ segment, channel: segment.channel, start, end, from, to });
  }
  return hits;
}

/** A text in small letters without accents; `places` has the position in the text for each of its characters, and the end. */
function fold(original) {
  let [plain, at] = ["", 0];
  const places = [];
  for (const character of original) {
    const simple = character.normalize("NFD").replace(/\p{M}/gu, "").replace("’", "'").toLowerCase();
    for (let unit = 0; unit < simple.length; unit += 1) places.push(at);
    plain += simple;
    at += character.length;
  }
  places.push(original.length);
  return { plain, places };
}

// The call as a text: a paragraph for each segment, with its speaker and time, and notes between them.

import { text } from "../texts.js";
import { length, position } from "./clock.js";
import { element } from "./elements.js";
import { Highlights } from "./highlights.js";
import { Roving } from "./roving.js";

// Rows up to so many pixels outside the window have their words as elements; all others are plain text.
const NEAR = 600;
const LOOK_MILLISECONDS = 80;
const PUNCTUATION = /^\p{P}+|\p{P}+$/gu;

/**
 * The rows. A row has an element for each word only while it is near the window: 15,000 words stay a few hundred elements.
 *
 * `onPlay(seconds)` is called for a word or a time that is clicked, or chosen by keyboard.
 */
export class Reading {
  #call;
  #rows = [];
  #byElement = new Map();
  #bySegment = new Map();
  #spoken = new Map();
  #current = null;
  #highlights = new Highlights();
  #opened = new Set();
  #looking = 0;

  constructor({ onPlay }) {
    this.onPlay = onPlay;
    this.root = element("ol", { className: "call-text", role: "list" });
    this.root.addEventListener("click", (event) => this.#onClick(event));
    this.root.addEventListener("copy", (event) => this.#onCopy(event));
    this.roving = new Roving(this.root, {
      rows: () => this.#rows,
      open: (row) => this.#open(row),
      play: (seconds) => this.onPlay(seconds),
    });
  }

  /** Follow the window until the signal ends it. */
  listen(signal) {
    document.addEventListener("scroll", () => this.#look(), { capture: true, passive: true, signal });
    const resized = new ResizeObserver(() => this.#look());
    resized.observe(this.root);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  /** Show a call, with notes for its silences, its gaps and its sounds without words. */
  show(call, silences) {
    this.#call = call;
    this.#spoken.clear();
    this.#current = null;
    this.#byElement.clear();
    this.#bySegment.clear();
    this.#rows = [...call.segments.map((segment) => this.#segmentRow(segment)), ...this.#notes(silences)];
    this.#rows.sort((one, other) => one.start - other.start);
    this.#rows.forEach((row, index) => this.#follow(row, this.#rows[index - 1]));
    this.root.replaceChildren(...this.#rows.map((row) => row.root));
    this.#opened.clear();
    this.#look();
    this.roving.reset();
  }

  /** Add the row of a segment that the call has got while it is shown. */
  insert(segment) {
    const row = this.#segmentRow(segment);
    const later = this.#rows.findIndex((other) => other.start > segment.start);
    const index = later < 0 ? this.#rows.length : later;
    this.#rows.splice(index, 0, row);
    this.#follow(row, this.#rows[index - 1]);
    if (this.#rows[index + 1]) this.#follow(this.#rows[index + 1], row);
    this.root.insertBefore(row.root, this.root.children[index] ?? null);
    this.#look();
    if (this.#rows.length === 1) this.roving.reset();
  }

  /** Mark the words that are spoken at a time; `follow` keeps the segment in sight. */
  mark(time, { follow = false } = {}) {
    if (!this.#call) return;
    for (const channel of this.#call.lanes) {
      const word = this.#call.wordAt(channel, time);
      if (word === this.#spoken.get(channel)) continue;
      this.#span(this.#spoken.get(channel))?.classList.remove("spoken");
      this.#spoken.set(channel, word);
      this.#span(word)?.classList.add("spoken");
    }
    const row = this.#bySegment.get(this.#call.segmentAt(time));
    if (!row || row === this.#current) return;
    this.#current?.root.removeAttribute("aria-current");
    this.#current = row;
    row.root.setAttribute("aria-current", "true");
    this.roving.rest(row);
    if (follow) this.reveal();
  }

  /** Mark the hits of a search, and the current one. */
  find(hits, current) {
    this.#highlights.show(hits, current, (segment) => this.#bySegment.get(segment)?.paragraph);
  }

  /** Scroll a segment to the middle of the window. */
  revealSegment(segment) {
    this.reveal(this.#bySegment.get(segment), "center");
  }

  /** Give the keyboard to a segment. */
  focus(segment) {
    this.#bySegment.get(segment)?.play.focus({ preventScroll: true });
  }

  /** Scroll a row into sight: the one that is heard, unless another is given. */
  reveal(row = this.#current, block = "nearest") {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    row?.root.scrollIntoView({ block, behavior: calm || block === "center" ? "auto" : "smooth" });
  }

  #segmentRow(segment) {
    const unsure = segment.words.filter((word) => word.unsure);
    const row = this.#row(segment, { speaker: this.#call.speaker(segment.channel), shown: segment.text });
    row.segment = segment;
    row.channel = segment.channel;
    row.root.dataset.lane = this.#call.lane(segment.channel) % 2;
    row.paragraph.dir = "auto";
    if (segment.language) row.paragraph.lang = segment.language;
    if (unsure.length) {
      const words = unsure.map((word) => word.text.replace(PUNCTUATION, "")).join(", ");
      row.root.append(element("span", { className: "unseen", textContent: text("call.unsure.here", { words }) }));
    }
    this.#bySegment.set(segment, row);
    return row;
  }

  #notes(silences) {
    const note = (span, kind, speaker = "") => {
      const shown = text(`call.note.${kind}`, { length: length(span.end - span.start) });
      const row = this.#row(span, { speaker, shown });
      row.root.classList.add("note");
      row.root.dataset.kind = kind;
      return row;
    };
    return [
      ...silences.map((span) => note(span, "silence")),
      ...this.#call.gaps.map((span) => note(span, "missing")),
      ...this.#call.unheard.map((span) => note(span, "unheard", this.#call.speaker(span.channel))),
    ];
  }

  #row({ start, end }, { speaker, shown }) {
    const name = element("span", { className: "call-speaker", textContent: speaker });
    const time = element("span", { className: "call-time", textContent: position(start) });
    const label = text("call.play.from", { where: [speaker, position(start)].filter(Boolean).join(" ") });
    const play = element("button", { type: "button", tabIndex: -1, className: "call-from", "aria-label": label }, name, " ", time);
    const paragraph = element("p", { textContent: shown });
    const root = element("li", {}, play, paragraph);
    const row = { start, end, root, play, paragraph, shown, spans: null, segment: null, channel: null };
    this.#byElement.set(root, row);
    return row;
  }

  /** The speaker is shown once for a turn; the label of each button has it all the same. */
  #follow(row, before) {
    row.root.classList.toggle("same", row.segment !== null && row.channel === before?.channel);
  }

  /** Look soon which rows are near the window: not for every frame of a scroll, which passes most of them by. */
  #look() {
    this.#looking ||= setTimeout(() => {
      this.#looking = 0;
      if (this.root.checkVisibility()) this.#openNear();
    }, LOOK_MILLISECONDS);
  }

  // Asks for everything first and changes it then, since each question after a change would lay the page out again. The
  // rows stand in order, so that a few of them tell which are near; observers of all would cost more than the scrolling.
  #openNear() {
    const first = this.#firstWith(({ bottom }) => bottom >= -NEAR);
    const last = this.#firstWith(({ top }) => top > innerHeight + NEAR);
    const near = new Set(this.#rows.slice(first, last));
    const selection = document.getSelection();
    const selected = selection.isCollapsed ? null : selection;
    const far = [...this.#opened].filter(
      (row) => !near.has(row) && !selected?.containsNode(row.root, true) && !row.root.contains(document.activeElement),
    );
    near.forEach((row) => this.#open(row));
    far.forEach((row) => this.#close(row));
    this.#highlights.refresh();
  }

  #firstWith(condition) {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (condition(this.#rows[middle].root.getBoundingClientRect())) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Make an element of each word. */
  #open(row) {
    if (row.spans || !row.segment) return;
    this.#opened.add(row);
    const parts = [];
    let from = 0;
    row.spans = row.segment.words.map((word) => {
      const span = element("span", { className: "call-word", textContent: word.text, data: { word: word.index } });
      span.classList.toggle("unsure", word.unsure);
      span.classList.toggle("spoken", this.#spoken.get(row.channel) === word);
      parts.push(row.shown.slice(from, word.at), span);
      from = word.at + word.text.length;
      return span;
    });
    row.paragraph.replaceChildren(...parts, row.shown.slice(from));
  }

  #close(row) {
    this.#opened.delete(row);
    row.spans = null;
    row.paragraph.textContent = row.shown;
  }

  #span(word) {
    return word && this.#bySegment.get(word.segment)?.spans?.[word.index];
  }

  #onClick(event) {
    const row = this.#byElement.get(event.target.closest("li"));
    const word = event.target.closest(".call-word");
    // The end of a selection is no wish to hear its last word.
    if (word && document.getSelection().isCollapsed) this.onPlay(row.segment.words[Number(word.dataset.word)].start);
    else if (event.target.closest(".call-from")) this.onPlay(row.start);
  }

  /** A selection of several segments is copied as lines with their speakers. */
  #onCopy(event) {
    const selection = document.getSelection();
    const rows = this.#rows.filter((row) => row.segment && selection.containsNode(row.root, true));
    if (rows.length < 2) return;
    const range = selection.getRangeAt(0);
    const lines = rows.map((row) => {
      const part = document.createRange();
      part.selectNodeContents(row.paragraph);
      const { startContainer, startOffset, endContainer, endOffset } = range;
      if (part.compareBoundaryPoints(Range.START_TO_START, range) < 0) part.setStart(startContainer, startOffset);
      if (part.compareBoundaryPoints(Range.END_TO_END, range) > 0) part.setEnd(endContainer, endOffset);
      const speaker = this.#call.speaker(row.channel);
      return speaker ? `${speaker}: ${part}` : String(part);
    });
    event.clipboardData.setData("text/plain", lines.join("\n"));
    event.preventDefault();
  }
}

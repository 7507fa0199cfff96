// The call as a text: a paragraph for each segment, with its speaker and time, and notes between them.

import { text } from "../texts.js";
import { length, position } from "./clock.js";
import { element } from "./elements.js";
import { Highlights } from "./highlights.js";
import { Roving } from "./roving.js";

// Rows this far outside the window have their words as elements; all others are plain text.
const NEAR = "600px";
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
  #near = new IntersectionObserver((entries) => this.#approach(entries), { rootMargin: NEAR });

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

  /** Show a call, with notes for its silences, its gaps and its sounds without words. */
  show(call, silences) {
    this.#near.disconnect();
    this.#call = call;
    this.#spoken.clear();
    this.#current = null;
    this.#byElement.clear();
    this.#bySegment.clear();
    this.#rows = [...call.segments.map((segment) => this.#segmentRow(segment)), ...this.#notes(silences)];
    this.#rows.sort((one, other) => one.start - other.start);
    this.#rows.forEach((row, index) => this.#follow(row, this.#rows[index - 1]));
    this.root.replaceChildren(...this.#rows.map((row) => row.root));
    this.#rows.forEach((row) => this.#near.observe(row.root));
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
    this.#near.observe(row.root);
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
    const hint = element("span", { className: "unseen", textContent: text("call.play.from") });
    const play = element("button", { type: "button", tabIndex: -1, className: "call-from" }, name, " ", time, hint);
    const paragraph = element("p", { textContent: shown });
    const root = element("li", {}, play, paragraph);
    const row = { start, end, root, play, paragraph, shown, spans: null, segment: null, channel: null };
    this.#byElement.set(root, row);
    return row;
  }

  /** The speaker is shown once for a turn; its name stays for screen readers. */
  #follow(row, before) {
    row.root.classList.toggle("same", row.segment !== null && row.channel === before?.channel);
  }

  #approach(entries) {
    // Asked for once: between changes, each question about the selection would lay the page out again.
    const selection = document.getSelection();
    const selected = selection.isCollapsed ? null : selection;
    const changes = entries.map(({ target, isIntersecting }) => ({
      row: this.#byElement.get(target),
      near: isIntersecting,
      kept: Boolean(selected?.containsNode(target, true)) || target.contains(document.activeElement),
    }));
    for (const { row, near, kept } of changes) {
      if (row && near) this.#open(row);
      else if (row && !kept) this.#close(row);
    }
    this.#highlights.refresh();
  }

  /** Make an element of each word. */
  #open(row) {
    if (row.spans || !row.segment) return;
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
    if (!row.spans) return;
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

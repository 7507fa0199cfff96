// One call: read, heard, searched and taken away. The element is built once and shows one call after the other.

import { moment, text, translate } from "../texts.js";
import { readPeaks, TooLong } from "./audio/peaks.js";
import { length, position } from "./clock.js";
import { button, element, iconButton } from "./elements.js";
import { talk } from "./figures.js";
import { files, recordingField } from "./files.js";
import { Call } from "./model.js";
import { Player } from "./player.js";
import { Reading } from "./reading.js";
import { Search } from "./search.js";
import { Shortcuts } from "./shortcuts.js";
import { marks, talkBar } from "./summary.js";
import { Timeline } from "./timeline.js";

const LIVE_REFRESH_MILLISECONDS = 500;
const PEAKS_REFRESH_MILLISECONDS = 250;

/**
 * `show` displays a call, `append` and `progress` add to one that is still being transcribed.
 *
 * Trouble is told in the view: a transcript that is none, a recording that the browser cannot play, a refused copy.
 */
export class CallView extends HTMLElement {
  #player;
  #timeline;
  #reader;
  #search;
  #shortcuts;
  #followButton;
  #factsLine;
  #progressBar;
  #toTake;
  #noticeBox;
  #said;
  #ask;
  #waveformNote;
  #shares;
  #marks;
  #summary;
  #panel;
  #frame;
  #call = new Call();
  #name = "";
  #audio = null;
  #shown = false;
  #live = false;
  #refreshing = 0;
  #notices = new Map();
  #peaks = new AbortController();
  #connected = new AbortController();

  constructor() {
    super();
    this.#player = new Player({
      onTime: (time, { moved }) => this.#onTime(time, moved),
      onLoaded: (seconds) => this.#onLoaded(seconds),
      onError: () => this.#fail("call_playback"),
      onMissing: () => this.#ask.querySelector("input").focus(),
    });
    this.#timeline = new Timeline({ onSeek: (time) => this.#player.seek(time) });
    this.#reader = new Reading({ onPlay: (time) => this.#player.seek(time, { play: true }) });
    this.#search = new Search({
      onHits: (hits, current, { go }) => this.#onHits(hits, current, go),
      onLeave: (hit) => this.#reader.focus(hit.segment),
    });
    this.#shortcuts = new Shortcuts({
      player: this.#player,
      timeline: this.#timeline,
      search: this.#search,
      follow: () => this.#setFollow(!this.#follows),
      enabled: () => this.checkVisibility(),
    });
    this.#followButton = button("call.follow", { "aria-pressed": "true", onclick: () => this.#setFollow(!this.#follows) });
    this.#lay();
  }

  connectedCallback() {
    this.replaceChildren(this.#frame, this.#shortcuts.dialog);
    this.#connected = new AbortController();
    const { signal } = this.#connected;
    this.#shortcuts.listen(signal);
    this.#reader.listen(signal);
    document.addEventListener("words", () => this.#translate(), { signal });
    const scrolled = () => this.#player.playing && this.#setFollow(false);
    for (const event of ["wheel", "touchmove"]) {
      this.#reader.root.addEventListener(event, scrolled, { passive: true, signal });
    }
    this.#translate();
  }

  disconnectedCallback() {
    this.#connected.abort();
    this.#peaks.abort();
    this.#player.unload();
    this.#audio = null;
  }

  /**
   * Show a call: the service's JSON, or null while it is being transcribed; its recording as a Blob, or null; its name.
   *
   * A recording that is shown already goes on playing.
   */
  show({ transcript = null, audio = null, name = "" }) {
    const ended = this.#live && transcript !== null;
    this.#shown = true;
    clearTimeout(this.#refreshing);
    this.#refreshing = 0;
    this.#notices.clear();
    try {
      this.#call = new Call(transcript);
    } catch {
      this.#call = new Call();
      this.#shown = false;
      this.#fail("call_transcript");
    }
    this.#live = transcript === null;
    if (audio !== this.#audio || name !== this.#name) this.#player.rewind();
    this.#name = name;
    this.progress(null);
    this.#toTake.hidden = this.#live || !this.#shown;
    this.#said.textContent = ended ? text("call.complete", { count: this.#call.segments.length }) : "";
    this.#player.duration = this.#call.duration;
    this.#hear(audio);
    this.#display();
    this.#read();
    this.#search.show(this.#call);
    this.#panel.hidden = !this.#shown;
    this.#summary.hidden = this.#live || !this.#shown;
  }

  /** Add a segment of a call that is being transcribed. */
  append(segment) {
    this.#widen((segment.channel ?? 0) + 1);
    const index = this.#call.insert(segment);
    this.#reader.insert(this.#call.segments[index]);
    this.#refreshing ||= setTimeout(() => {
      this.#refreshing = 0;
      this.#display();
      this.#search.refresh();
    }, LIVE_REFRESH_MILLISECONDS);
  }

  /** The share of the call that is transcribed, 0 to 1; null if nothing is under way. */
  progress(share) {
    this.#progressBar.hidden = share === null;
    this.#progressBar.value = share ?? 0;
  }

  #lay() {
    this.#factsLine = element("p", { className: "call-facts" });
    this.#progressBar = element("progress", { max: 1, hidden: true, data: { label: "call.progress" } });
    this.#toTake = files({
      call: () => this.#call,
      name: () => this.#name,
      onCopied: (succeeded) => (succeeded ? this.#say(text("call.copied")) : this.#fail("call_copy")),
    });
    this.#noticeBox = element("div", { className: "call-notices", role: "status" });
    this.#said = element("p", { className: "call-said", role: "status" });
    this.#ask = recordingField((file) => this.#hear(file));
    this.#waveformNote = element("p", { className: "call-note" });
    this.#shares = element("div", { className: "call-talk" });
    this.#marks = element("ul", { className: "call-marks", role: "list", data: { label: "call.marks" } });
    this.#summary = element("div", { className: "call-summary" }, this.#shares, this.#marks);
    const tools = element(
      "div",
      { className: "call-tools" },
      this.#followButton,
      iconButton("call.zoom.out", "M5 12h14", { onclick: () => this.#timeline.zoom(-1) }),
      iconButton("call.zoom.in", "M5 12h14M12 5v14", { onclick: () => this.#timeline.zoom(1) }),
      element("button", {
        type: "button",
        textContent: "?",
        className: "call-icon",
        data: { label: "call.keys" },
        onclick: () => this.#shortcuts.show(),
      }),
    );
    const controls = element("div", { className: "call-controls" }, this.#player.root, tools, this.#search.root);
    this.#panel = element("div", { className: "call-panel" }, this.#timeline.root, this.#waveformNote, controls);
    new ResizeObserver(() => this.style.setProperty("--panel", `${this.#panel.offsetHeight}px`)).observe(this.#panel);
    this.#frame = element(
      "div",
      { className: "call" },
      element("div", { className: "call-head" }, this.#factsLine, this.#toTake),
      this.#said,
      this.#progressBar,
      this.#noticeBox,
      this.#ask,
      this.#panel,
      this.#summary,
      this.#reader.root,
    );
  }

  get #follows() {
    return this.#followButton.getAttribute("aria-pressed") === "true";
  }

  #setFollow(on) {
    this.#followButton.setAttribute("aria-pressed", String(on));
    if (on) this.#reader.reveal();
  }

  #onTime(time, moved) {
    const follow = this.#follows && this.#player.playing;
    this.#timeline.moveTo(time, { follow });
    this.#reader.mark(time, { follow });
    if (moved) this.#timeline.describe();
  }

  #onLoaded(seconds) {
    const expected = this.#call.duration;
    if (this.#live) {
      this.#call.duration = Math.max(expected, seconds);
      this.#display();
    } else if (Math.abs(seconds - expected) > 1 + expected / 50) {
      this.#notices.set("other", () => text("call.other", { audio: position(seconds), transcript: position(expected) }));
      this.#notify();
    }
  }

  #onHits(hits, current, go) {
    this.#timeline.find(hits, current);
    this.#reader.find(hits, current);
    if (!go) return;
    this.#player.seek(current.start);
    this.#timeline.reveal(current.start);
    this.#reader.revealSegment(current.segment);
  }

  /** Play a recording and draw its waveform, unless it is the one that is there. */
  async #hear(audio) {
    this.#ask.hidden = audio !== null || this.#live;
    if (audio === this.#audio && audio !== null) return;
    this.#audio = audio;
    this.#peaks.abort();
    this.#peaks = new AbortController();
    const { signal } = this.#peaks;
    this.#player.load(null);
    this.#timeline.hear([]);
    this.#sayWaveform(audio === null ? "none" : "reading");
    if (audio === null) return;
    const drawing = setInterval(() => this.#timeline.draw(), PEAKS_REFRESH_MILLISECONDS);
    try {
      const seconds = this.#player.load(audio);
      await readPeaks(audio, { seconds, signal, onTracks: (tracks) => this.#hearTracks(tracks) });
      this.#sayWaveform("drawn");
    } catch (error) {
      if (signal.aborted) return;
      this.#timeline.hear([]);
      this.#sayWaveform(error instanceof TooLong ? "long" : "failed");
    } finally {
      clearInterval(drawing);
      this.#timeline.draw();
    }
  }

  /** Draw a waveform; until the transcript is there, the recording says how many channels there are. */
  #hearTracks(tracks) {
    this.#timeline.hear(tracks);
    if (this.#live) this.#widen(tracks.length);
  }

  #widen(channels) {
    if (this.#call.widen(channels)) this.#translate();
  }

  /** The state of the waveform, for readers if it is not drawn. */
  #sayWaveform(state) {
    this.dataset.waveform = state;
    const told = ["long", "failed"].includes(state);
    this.#waveformNote.textContent = told ? text(`call.waveform.${state}`) : "";
    this.#waveformNote.hidden = !told;
  }

  /** Show all that follows from the call as a whole. */
  #display() {
    if (!this.#shown) return;
    const call = this.#call;
    const figures = talk(call);
    // Until the end is transcribed, silence is not known.
    this.#timeline.show(call, this.#live ? { ...figures, silences: [] } : figures);
    this.#factsLine.textContent = this.#facts().join(" · ");
    this.#shares.replaceChildren(...talkBar(call, figures));
    this.#marks.replaceChildren(...marks(call, figures));
    this.#marks.hidden = !this.#marks.childElementCount;
    const missing = call.missingSeconds;
    if (missing > 0) this.#notices.set("partial", () => text("call.partial", { length: length(missing) }));
    if (!this.#live && !call.segments.length) this.#notices.set("empty", () => text("call.empty"));
    this.#notify();
  }

  #facts() {
    const { language, duration, provenance } = this.#call;
    const made = new Date(provenance?.transcribed_at);
    // Of a folder or an address only its last part, the model's name.
    const model = provenance?.model?.split("/").filter(Boolean).at(-1);
    return [
      duration ? position(duration) : "",
      language ? new Intl.DisplayNames(document.documentElement.lang || "en", { type: "language" }).of(language) : "",
      model && made.valueOf() ? text("call.made", { model, at: moment(made) }) : "",
    ].filter(Boolean);
  }

  #translate() {
    this.#search.translate();
    this.#player.translate();
    this.#shortcuts.translate();
    translate(this);
    this.#sayWaveform(this.dataset.waveform ?? "none");
    this.#display();
    this.#read();
  }

  /** Show the text; silence stands in it once the call is known to its end. */
  #read() {
    this.#reader.show(this.#call, this.#live ? [] : talk(this.#call).silences);
  }

  #say(words) {
    this.#said.textContent = words;
  }

  #fail(code) {
    this.#notices.set(code, () => text(`error.${code}`));
    this.#notify();
  }

  #notify() {
    const shown = Array.from(this.#notices.values(), (words) => words());
    if (this.#noticeBox.textContent === shown.join("")) return;
    this.#noticeBox.replaceChildren(...shown.map((words) => element("p", { textContent: words })));
  }
}

customElements.define("call-view", CallView);

// The call over time: a lane for each channel, marks, hits of the search and the playhead.

import { text } from "../texts.js";
import { position } from "./clock.js";
import { drawLanes, heights } from "./drawing.js";
import { element } from "./elements.js";

const MOST_PIXELS_PER_SECOND = 100;
const STEPS = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 };

/**
 * The timeline is a slider. The browser scrolls its full width; the canvas is as wide as the visible part only.
 *
 * `onSeek(seconds)` is called for clicks, drags and keys.
 */
export class Timeline {
  #call;
  #tracks = [];
  #figures;
  #hits = [];
  #hit = null;
  #zoom = 1;
  #time = 0;
  #drawing = 0;

  constructor({ onSeek }) {
    this.onSeek = onSeek;
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.playhead = element("div", { className: "call-playhead" });
    this.slider = element(
      "div",
      { className: "call-slider", role: "slider", tabIndex: 0, data: { label: "call.position" } },
      this.canvas,
      this.playhead,
    );
    this.scroller = element("div", { className: "call-scroller" }, this.slider);
    this.names = element("div", { className: "call-lanes", "aria-hidden": "true" });
    this.root = element("div", { className: "call-timeline" }, this.names, this.scroller);
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.slider.addEventListener("keydown", (event) => this.#onKey(event));
    this.slider.addEventListener("focus", () => this.describe());
    this.slider.addEventListener("pointerdown", (event) => this.#onPointer(event));
    this.slider.addEventListener("pointermove", (event) => event.buttons === 1 && this.#onPointer(event));
    new ResizeObserver(() => this.#layOut()).observe(this.scroller);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Show a call with its figures; peaks of an earlier recording stay until `hear`. */
  show(call, figures) {
    this.#call = call;
    this.#figures = figures;
    this.names.replaceChildren(
      ...call.lanes.map((channel, lane) =>
        element("span", { textContent: call.speaker(channel), data: { lane: lane % 2 } }),
      ),
    );
    this.#layOut();
    this.describe();
  }

  /** Draw the waveform from these tracks; without any, from the transcript. */
  hear(tracks) {
    this.#tracks = tracks;
    this.draw();
  }

  /** Mark the hits of a search, and the current one. */
  find(hits, current) {
    this.#hits = hits;
    this.#hit = current;
    this.draw();
  }

  /** Move the playhead. */
  moveTo(time, { follow = false } = {}) {
    this.#time = time;
    this.playhead.style.transform = `translateX(${time * this.#scale}px)`;
    if (follow) this.reveal(time);
  }

  /** Tell assistive technology the position: when it was moved, not while it plays. */
  describe() {
    if (!this.#call) return;
    const speaking = this.#call.lanes.filter((channel) => this.#call.wordAt(channel, this.#time));
    const values = { at: position(this.#time), of: position(this.#call.duration) };
    const names = speaking.map((channel) => this.#call.speaker(channel)).filter(Boolean);
    this.slider.setAttribute("aria-valuemin", "0");
    this.slider.setAttribute("aria-valuemax", String(Math.round(this.#call.duration)));
    this.slider.setAttribute("aria-valuenow", String(Math.round(this.#time)));
    this.slider.setAttribute("aria-valuetext", [text("call.position.of", values), ...names].join(", "));
  }

  /** Twice the detail (1) or half of it (-1), around the playhead. */
  zoom(step) {
    this.#zoom = Math.max(1, this.#zoom * 2 ** step);
    this.#layOut();
    this.scroller.scrollLeft = this.#time * this.#scale - this.scroller.clientWidth / 2;
  }

  /** Scroll a time into the visible part if it is outside. */
  reveal(time) {
    const { scrollLeft, clientWidth } = this.scroller;
    const at = time * this.#scale;
    if (at < scrollLeft || at > scrollLeft + clientWidth) this.scroller.scrollLeft = at - clientWidth / 10;
  }

  /** Draw the visible part once before the next frame. */
  draw() {
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      if (this.#scale) this.#drawNow();
    });
  }

  get #scale() {
    return this.#call?.duration ? (this.scroller.clientWidth * this.#zoom) / this.#call.duration : 0;
  }

  #layOut() {
    if (!this.#call) return;
    const most = (this.#call.duration * MOST_PIXELS_PER_SECOND) / this.scroller.clientWidth;
    this.#zoom = Math.max(1, Math.min(this.#zoom, most));
    const { lane, all: height } = heights(this.#call.lanes.length, this.scroller.clientWidth);
    this.slider.style.width = `${this.scroller.clientWidth * this.#zoom}px`;
    this.slider.style.height = `${height}px`;
    this.names.style.gridAutoRows = `${lane}px`;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.scroller.clientWidth * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${this.scroller.clientWidth}px`;
    this.canvas.style.height = `${height}px`;
    this.moveTo(this.#time);
    this.draw();
  }

  #drawNow() {
    drawLanes(this.canvas, {
      call: this.#call,
      figures: this.#figures,
      tracks: this.#tracks,
      hits: this.#hits,
      hit: this.#hit,
      from: this.scroller.scrollLeft / this.#scale,
      scale: this.#scale,
      lane: heights(this.#call.lanes.length, this.scroller.clientWidth).lane,
    });
  }

  #onPointer(event) {
    if (event.button > 0 || !this.#scale) return;
    event.preventDefault();
    this.slider.focus({ preventScroll: true });
    if (event.type === "pointerdown") this.slider.setPointerCapture(event.pointerId);
    this.onSeek((event.clientX - this.slider.getBoundingClientRect().left) / this.#scale);
  }

  #onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const end = this.#call?.duration ?? 0;
    const goal = { Home: 0, End: end }[event.key] ?? this.#time + (STEPS[event.key] ?? NaN);
    if (Number.isNaN(goal)) return;
    event.preventDefault();
    event.stopPropagation();
    this.onSeek(Math.min(end, Math.max(0, goal)));
  }
}

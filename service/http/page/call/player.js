// The recording, heard: an <audio> element, its controls, and a position even before there is anything to hear.

import { text } from "../texts.js";
import { position } from "./clock.js";
import { element, icon, iconButton } from "./elements.js";

const PLAY = "M7 4v16l13-8z";
const PAUSE = "M6 4h4v16H6zM14 4h4v16h-4z";
const BACK = "M11 5v14L2 12zM21 5v14l-9-7z";
const FORWARD = "M13 5v14l9-7zM3 5v14l9-7z";
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const BEYOND = 1e9;
export const SKIP = 5;

/**
 * `onTime(seconds, {moved})` follows the position, and `onLoaded(seconds)` gets the recording's length. `onError()` is called
 * if the browser cannot play it, `onMissing()` if a reader wants to hear a recording that is not there.
 */
export class Player {
  #position = 0;
  #duration = 0;
  #url = null;
  #frame = 0;

  constructor({ onTime, onLoaded, onError, onMissing }) {
    Object.assign(this, { onTime, onLoaded, onMissing });
    this.audio = element("audio", { preload: "metadata" });
    this.toggleButton = iconButton("call.play", PLAY, { className: "call-icon call-play", onclick: () => this.toggle() });
    this.clock = element("span", { className: "call-clock" });
    this.speed = element(
      "select",
      { data: { label: "call.speed" }, onchange: () => this.#setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => element("option", { value: speed, selected: speed === 1 })),
    );
    this.root = element(
      "div",
      { className: "call-player" },
      iconButton("call.back", BACK, { onclick: () => this.skip(-SKIP) }),
      this.toggleButton,
      iconButton("call.forward", FORWARD, { onclick: () => this.skip(SKIP) }),
      this.clock,
      this.speed,
      this.audio,
    );
    for (const event of ["play", "pause", "ended"]) this.audio.addEventListener(event, () => this.#changed());
    this.audio.addEventListener("seeked", () => this.#told({ moved: true }));
    this.audio.addEventListener("loadedmetadata", () => this.#loaded());
    this.audio.addEventListener("error", () => this.#url && onError());
  }

  /** Play a Blob from now on, nothing for null; a promise of its length in seconds, 0 if the browser cannot tell. */
  load(recording) {
    this.unload();
    if (recording === null) return Promise.resolve(0);
    this.#url = URL.createObjectURL(recording);
    this.audio.src = this.#url;
    return new Promise((resolve) => {
      const tell = () => resolve(Number.isFinite(this.audio.duration) ? this.audio.duration : 0);
      for (const event of ["loadedmetadata", "error", "emptied"]) this.audio.addEventListener(event, tell, { once: true });
    });
  }

  /** Stop, and release the recording. */
  unload() {
    cancelAnimationFrame(this.#frame);
    this.audio.pause();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  /** The length of the call as the transcript gives it; the recording's own counts once it is known. */
  set duration(seconds) {
    this.#duration = seconds;
    this.#told({ moved: true });
  }

  get duration() {
    return Number.isFinite(this.audio.duration) ? this.audio.duration : this.#duration;
  }

  get ready() {
    return this.audio.readyState > 0;
  }

  get playing() {
    return !this.audio.paused && !this.audio.ended;
  }

  get time() {
    return this.ready ? this.audio.currentTime : this.#position;
  }

  /** Go to a position, and play from there if asked. */
  seek(seconds, { play = false } = {}) {
    this.#position = Math.min(Math.max(0, seconds), this.duration || seconds);
    if (this.ready) this.audio.currentTime = this.#position;
    this.#told({ moved: true });
    if (play) this.#play();
  }

  /** Go to the beginning, since another call is shown. */
  rewind() {
    this.audio.pause();
    this.seek(0);
  }

  skip(seconds) {
    this.seek(this.time + seconds);
  }

  toggle() {
    if (this.playing) this.audio.pause();
    else if (this.#url) this.#play();
    else this.onMissing();
  }

  /** The next faster (1) or slower (-1) speed. */
  changeSpeed(step) {
    const index = SPEEDS.indexOf(this.audio.playbackRate) + step;
    if (SPEEDS[index]) this.#setSpeed(SPEEDS[index]);
  }

  /** Write the texts again in the reader's language. */
  translate() {
    for (const option of this.speed.options) option.textContent = text("call.times", { speed: Number(option.value) });
    this.#changed();
  }

  #play() {
    // A refusal has its own event, `error`; a play that a later pause overtakes needs none.
    if (this.#url) this.audio.play().catch(() => {});
  }

  #setSpeed(speed) {
    this.audio.playbackRate = speed;
    this.audio.defaultPlaybackRate = speed;
    this.speed.value = String(speed);
  }

  #loaded() {
    // A browser's own recording does not say how long it is: the browser knows once it has gone beyond the end.
    if (this.audio.duration === Infinity) {
      this.audio.addEventListener("durationchange", () => this.#loaded(), { once: true });
      this.audio.currentTime = BEYOND;
      return;
    }
    this.audio.currentTime = this.#position;
    this.onLoaded(this.duration);
    this.#told({ moved: true });
  }

  #changed() {
    this.toggleButton.dataset.label = this.playing ? "call.pause" : "call.play";
    this.toggleButton.setAttribute("aria-label", text(this.toggleButton.dataset.label));
    this.toggleButton.replaceChildren(icon(this.playing ? PAUSE : PLAY));
    cancelAnimationFrame(this.#frame);
    if (this.playing) this.#follow();
    this.#told({ moved: true });
  }

  #follow() {
    this.#frame = requestAnimationFrame(() => {
      this.#told({ moved: false });
      if (this.playing) this.#follow();
    });
  }

  #told({ moved }) {
    const shown = `${position(this.time)} / ${position(this.duration)}`;
    if (this.clock.textContent !== shown) this.clock.textContent = shown;
    this.onTime(this.time, { moved });
  }
}

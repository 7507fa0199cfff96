// One recording on the page, and what has become of it.

import { Failure } from "./failures.js";

/** The ends of an entry's life; the texts of a state are under `state.…`. */
export const ENDED = new Set(["done", "partial", "unheard", "failed", "unloaded", "expired", "stopped"]);
export const TRANSCRIBED = new Set(["done", "partial", "unheard"]);

let count = 0;

/**
 * An entry of the list.
 *
 * `state` is its state, `share` how far that is (null if unknown), `failure` why it does not go on, `seconds` until it is tried
 * again. `reply` (the `key` and `values` of a text) answers what a person has done with it in this state. `segments` are those
 * that came so far, `transcript` is the end. `job` is the id of its job, if it is one.
 */
export class Entry extends EventTarget {
  state = "queued";
  share = null;
  failure = null;
  seconds = null;
  reply = null;
  segments = [];
  transcript = null;
  #stop = new AbortController();

  constructor({ name, file = null, job = null, language = "" }) {
    super();
    count += 1;
    Object.assign(this, { id: `call-${count}`, name, file, job, language });
  }

  /** Ends whatever is under way for it. */
  get signal() {
    return this.#stop.signal;
  }

  get ended() {
    return ENDED.has(this.state);
  }

  /** Change some of its properties, and tell whoever listens. */
  change(properties) {
    const before = this.state;
    Object.assign(this, properties);
    const entered = before !== this.state;
    if (entered) this.reply = null;
    this.dispatchEvent(new CustomEvent("change", { detail: { entered } }));
  }

  /** A further segment. */
  hear(segment) {
    this.segments.push(segment);
    this.dispatchEvent(new CustomEvent("segment", { detail: segment }));
  }

  /** Begin again, from the file that it has kept. */
  reset() {
    this.#stop = new AbortController();
    this.segments = [];
    this.change({ state: "queued", share: null, failure: null, seconds: null, transcript: null });
  }

  /** End whatever is under way. */
  stop() {
    this.#stop.abort();
    // Nothing is under way yet that could end.
    if (this.state === "queued") this.change({ state: "stopped", failure: new Failure("cancelled") });
  }
}

// The call that is open: what it waits for, its words as they come, then the whole of it.

import { TRANSCRIBED } from "./entries.js";
import { stateOf, titleOf } from "./list.js";

/** Shows one entry at a time: its state as long as there are no words, then the <call-view>. */
export class OpenCall {
  entry = null;
  #following = new AbortController();

  constructor(root) {
    this.root = root;
    this.view = root.querySelector("call-view");
    this.coming = root.querySelector(".coming");
    this.name = root.querySelector("h2");
    [this.state, this.problem] = ["state", "problem"].map((part) => root.querySelector(`#coming-${part}`));
    document.addEventListener("words", () => this.entry && this.#showState());
  }

  /** Show an entry, and follow it from now on. */
  show(entry) {
    this.#following.abort();
    this.#following = new AbortController();
    this.entry = entry;
    this.root.hidden = false;
    const { signal } = this.#following;
    entry.addEventListener("change", ({ detail }) => this.#changed(detail.entered), { signal });
    entry.addEventListener("segment", ({ detail }) => this.view.append(detail), { signal });
    this.#showCall();
    this.#showState();
  }

  /** Show nothing. */
  close() {
    this.#following.abort();
    this.entry = null;
    this.root.hidden = true;
    this.view.show({ transcript: null, audio: null, name: "" });
  }

  #changed(entered) {
    if (entered) this.#showCall();
    else if (this.entry.state === "transcribing") this.view.progress(this.entry.share);
    this.#showState();
  }

  #showCall() {
    const { transcript, file, segments, state, share } = this.entry;
    const words = TRANSCRIBED.has(state) || state === "transcribing";
    this.view.hidden = !words;
    this.coming.hidden = words;
    if (!words) return;
    this.view.show({ transcript, audio: file, name: titleOf(this.entry) });
    if (transcript) return;
    for (const segment of segments) this.view.append(segment);
    this.view.progress(share ?? 0);
  }

  #showState() {
    this.name.textContent = titleOf(this.entry);
    this.state.textContent = stateOf(this.entry);
    this.problem.textContent = this.entry.failure?.sentence ?? "";
    this.problem.hidden = !this.entry.failure;
  }
}

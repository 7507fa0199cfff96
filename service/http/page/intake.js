// How recordings come in: dropped, chosen, or taken from the microphone.

import { element } from "./call/elements.js";
import { facts } from "./facts.js";
import { Failure } from "./failures.js";
import { dropped, Take } from "./media.js";
import { language, moment, number, text } from "./texts.js";

/** The place for recordings; `take(files, language)` gets them. */
export class Intake {
  #taking = null;
  #asking = false;
  #timer = 0;

  constructor(root, { take }) {
    this.root = root;
    this.take = take;
    this.input = root.querySelector("#files");
    this.spoken = root.querySelector("#call-language");
    this.problem = root.querySelector("#intake-problem");
    root.querySelector("#choose").addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => {
      this.#accept(Array.from(this.input.files));
      this.input.value = "";
    });
    root.querySelector("#record").addEventListener("click", () => this.#record());
    root.querySelector("#take-end").addEventListener("click", () => this.#endTake({ keep: true }));
    root.querySelector("#take-discard").addEventListener("click", () => this.#endTake({ keep: false }));
    document.addEventListener("words", () => this.showTexts());
    this.#acceptDrops();
  }

  /** Whether a recording is being taken, which would be lost if the page were left now. */
  get taking() {
    return this.#taking !== null;
  }

  /** Leave the room to the list. */
  shrink(small) {
    this.root.classList.toggle("small", small);
  }

  /** Write the texts that have values. */
  showTexts() {
    const most = facts.jobs ?? facts;
    this.root.querySelector("#intake-limits").textContent = text(facts.jobs ? "intake.limits.jobs" : "intake.limits", {
      minutes: Math.floor(most.seconds / 60),
      size: sized(most.bytes),
    });
    const names = new Intl.DisplayNames(language(), { type: "language" });
    const chosen = this.spoken.value;
    const options = facts.languages.map((code) => [names.of(code), code]).sort(([one], [other]) => one.localeCompare(other, language()));
    const detect = element("option", { value: "", textContent: text("intake.detect") });
    this.spoken.replaceChildren(detect, ...options.map(([name, code]) => element("option", { value: code, textContent: name })));
    this.spoken.value = chosen;
  }

  #accept(files, folders = 0) {
    this.#tell(folders ? new Failure("folder") : null);
    if (files.length) this.take(files, this.spoken.value);
  }

  #tell(failure) {
    this.problem.textContent = failure?.sentence ?? "";
    this.problem.hidden = !failure;
  }

  /** Accept files wherever on the page they are dropped: a file beside the place would replace the page. */
  #acceptDrops() {
    let inside = 0;
    const mark = () => document.body.classList.toggle("dropping", inside > 0);
    const ours = (event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragenter", (event) => {
      if (ours(event)) inside += 1;
      mark();
    });
    document.addEventListener("dragleave", (event) => {
      if (ours(event)) inside -= 1;
      mark();
    });
    document.addEventListener("dragover", (event) => ours(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!ours(event)) return;
      inside = 0;
      mark();
      // The open call has taken it as its recording.
      if (event.defaultPrevented) return;
      event.preventDefault();
      const { files, folders } = dropped(event.dataTransfer);
      this.#accept(files, folders);
    });
  }

  async #record() {
    // A second click, before the browser has asked the person, would take twice.
    if (this.#asking || this.#taking) return;
    this.#asking = true;
    try {
      this.#tell(null);
      const taking = await Take.begin();
      taking.ended.then(() => taking === this.#taking && this.#endTake({ keep: true }));
      this.#taking = taking;
    } catch (failure) {
      this.#tell(failure);
      return;
    } finally {
      this.#asking = false;
    }
    this.#showTaking(true);
    this.root.querySelector("#take-end").focus();
  }

  async #endTake({ keep }) {
    const taking = this.#taking;
    this.#taking = null;
    const focused = this.root.querySelector("#taking").contains(document.activeElement);
    this.#showTaking(false);
    if (focused) this.root.querySelector("#record").focus();
    if (keep) this.#accept([await taking.end(text("take.name", { time: moment(new Date()).replaceAll(/[:/\\]/g, ".") }))]);
    else await taking.discard();
  }

  #showTaking(on) {
    this.root.querySelector("#ways").hidden = on;
    this.root.querySelector("#taking").hidden = !on;
    clearInterval(this.#timer);
    const tick = () => {
      const seconds = Math.floor(this.#taking.seconds);
      this.root.querySelector("#taking-time").textContent = text("take.time", {
        minutes: Math.floor(seconds / 60),
        seconds: String(seconds % 60).padStart(2, "0"),
      });
    };
    if (on) {
      tick();
      this.#timer = setInterval(tick, 500);
    }
  }
}

function sized(bytes) {
  const [unit, one, digits] = bytes < 1e9 ? ["megabyte", 1e6, 0] : ["gigabyte", 1e9, 1];
  return number(bytes / one, { style: "unit", unit, maximumFractionDigits: digits });
}

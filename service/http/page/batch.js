// The batch of all recordings, read once a minute: what is left of it, until when, and what went wrong.

import { element } from "./call/elements.js";
import { ask } from "./requests.js";
import { moment, number, text } from "./texts.js";

const REFRESH_SECONDS = 60;
const BAD = new Set(["failed", "dead_letters"]);
// The queue's own numbers; all others are counted by this page's service, up to a limit.
const OF_THE_QUEUE = new Set(["waiting", "dead_letters"]);
// To read again by itself would ask for another key every minute.
const REFUSED = new Set([401, 403]);
const COUNTS = ["waiting", "running", "done", "partial", "unheard", "failed", "dead_letters"];

/** Shows the batch in an element, as long as it is started. */
export class BatchView {
  #timer = 0;
  #facts = null;
  #failure = null;

  constructor(root) {
    this.root = root;
    document.addEventListener("words", () => this.#show());
  }

  start() {
    if (this.#timer) return;
    const due = () => document.visibilityState === "visible" && !REFUSED.has(this.#failure?.status);
    this.#timer = setInterval(() => due() && this.#read(), REFRESH_SECONDS * 1000);
    this.#show();
    this.#read();
  }

  /** Read it again now, if it is shown. */
  refresh() {
    if (this.#timer) this.#read();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  async #read() {
    try {
      this.#facts = await ask("batch");
      this.#failure = null;
    } catch (failure) {
      this.#failure = failure;
    }
    this.#show();
  }

  #show() {
    const parts = [this.#heading()];
    if (this.#failure) parts.push(this.#problem());
    if (this.#facts) parts.push(...shown(this.#facts));
    const stops = () => [...this.root.querySelectorAll("button, [tabindex]")];
    const focused = stops().indexOf(document.activeElement);
    this.root.replaceChildren(...parts);
    if (focused >= 0) (stops()[focused] ?? stops()[0]).focus({ preventScroll: true });
  }

  #heading() {
    const at = this.#facts ? text("batch.at", { time: moment(new Date(this.#facts.at)) }) : text("batch.reading");
    return element(
      "div",
      { className: "batch-head" },
      element("div", {}, element("h2", { textContent: text("batch.title") }), element("p", { className: "quiet", textContent: at })),
      element("button", { type: "button", textContent: text("batch.refresh"), onclick: () => this.#read() }),
    );
  }

  #problem() {
    return element("p", { className: "problem", role: "alert", textContent: this.#failure.sentence });
  }
}

function shown(facts) {
  const parts = [
    element("dl", { className: "figures main-figures" }, ...figures(facts)),
    element("dl", { className: "figures" }, ...COUNTS.map((name) => counted(facts, name))),
  ];
  if (!facts.complete) parts.push(element("p", { className: "quiet", textContent: text("batch.cut") }));
  if (facts.stale) parts.push(element("p", { className: "problem", textContent: text("batch.stale", { count: facts.stale }) }));
  parts.push(runs(facts.running_now), failures(facts.failures));
  return parts;
}

function figures(facts) {
  const { estimated_backlog_seconds: backlog, estimated_cost_dollars: dollars, ended_in_last_hour: ended } = facts;
  const estimated = text("batch.estimated", { count: facts.sampled });
  const unknown = text("batch.unknown");
  const found = [
    backlog === undefined
      ? fact(text("batch.backlog"), unknown, { note: text("batch.no_sample") })
      : fact(text("batch.backlog"), length(backlog), { note: estimated }),
    finish(facts),
    dollars > 0
      ? fact(text("batch.cost"), money(dollars), { note: estimated })
      : fact(text("batch.cost"), unknown, { note: text("batch.no_price") }),
  ];
  if (ended !== undefined) found.push(fact(text("batch.pace"), number(ended), { note: text("batch.pace.note") }));
  return found;
}

/** The projected finish beside the deadline, which follows from the recordings in work. */
function finish({ estimated_finish, due, waiting, in_flight }) {
  const [at, deadline] = [estimated_finish, due].map((time) => (time ? new Date(time) : null));
  const left = waiting + in_flight > 0;
  const late = at !== null && deadline !== null && at > deadline;
  const time = deadline && moment(deadline);
  let note = left ? text("batch.no_deadline") : "";
  if (deadline && !at) note = text("batch.due.only", { time });
  else if (deadline) note = text(late ? "batch.too_late" : "batch.due", { time });
  const value = at ? moment(at) : text(left ? "batch.unknown" : "batch.nothing");
  return fact(text("batch.finish"), value, { note, bad: late });
}

function counted(facts, name) {
  const least = facts.complete || OF_THE_QUEUE.has(name) ? "" : "≥ ";
  return fact(text(`batch.${name}`), least + number(facts[name]), { bad: BAD.has(name) && facts[name] > 0 });
}

const money = (dollars) =>
  number(dollars, { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumFractionDigits: dollars < 1 ? 4 : 2 });

function fact(name, value, { note = "", bad = false } = {}) {
  const parts = [element("dt", { textContent: name }), element("dd", { textContent: value })];
  if (note) parts.push(element("dd", { className: "note", textContent: note }));
  return element("div", { className: bad ? "figure bad" : "figure" }, ...parts);
}

function runs(running) {
  const rows = running.map((run) => [
    run.recording ?? text("batch.hidden"),
    moment(new Date(run.started)),
    element("progress", { max: 1, value: run.share, "aria-label": number(run.share, { style: "percent" }) }),
    number(run.attempt),
  ]);
  return table("batch.running_now", ["batch.recording", "batch.started", "batch.share", "batch.attempt"], rows, "batch.none_running");
}

function failures(failed) {
  const rows = failed.map(({ recording, at, message, expected }) => [
    recording ?? text("batch.hidden"),
    moment(new Date(at)),
    english(message),
    english(expected),
  ]);
  return table("batch.failures", ["batch.recording", "batch.when", "batch.reason", "batch.expected"], rows, "batch.none_failed");
}

/** The service's own sentences are in English, whatever the page speaks. */
const english = (sentence) => element("span", { lang: "en", textContent: sentence });

function table(title, headings, rows, none) {
  const heading = element("h3", { textContent: text(title) });
  if (!rows.length) return element("section", {}, heading, element("p", { className: "quiet", textContent: text(none) }));
  const head = element("tr", {}, ...headings.map((key) => element("th", { scope: "col", textContent: text(key) })));
  const body = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell))));
  const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  const scroller = element("div", { className: "scroller", role: "region", tabIndex: 0, "aria-label": text(title) }, made);
  return element("section", {}, heading, scroller);
}

function length(seconds) {
  const whole = Math.round(seconds / 60);
  const [hours, minutes] = [Math.floor(whole / 60), whole % 60];
  const unit = (value, name) => number(value, { style: "unit", unit: name, unitDisplay: "short" });
  return hours ? `${unit(hours, "hour")} ${unit(minutes, "minute")}` : unit(minutes, "minute");
}

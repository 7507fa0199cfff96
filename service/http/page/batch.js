// The batch of all recordings, read once a minute: what is left of it, until when, and what went wrong.

import { element } from "./call/elements.js";
import { ask } from "./requests.js";
import { moment, number, text } from "./texts.js";

const REFRESH_SECONDS = 60;
const BAD = new Set(["failed", "dead_letters"]);
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
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.#read(), REFRESH_SECONDS * 1000);
    this.#show();
    this.#read();
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
    const focused = this.root.contains(document.activeElement);
    this.root.replaceChildren(...parts);
    if (focused) this.root.querySelector("button").focus();
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
  const least = facts.complete ? "" : "≥ ";
  const counts = COUNTS.map((name) => fact(text(`batch.${name}`), least + number(facts[name]), { bad: BAD.has(name) && facts[name] > 0 }));
  const parts = [
    element("dl", { className: "figures main-figures" }, ...figures(facts)),
    element("dl", { className: "figures" }, ...counts),
  ];
  if (!facts.complete) parts.push(element("p", { className: "quiet", textContent: text("batch.cut") }));
  if (facts.stale) parts.push(element("p", { className: "problem", textContent: text("batch.stale", { count: facts.stale }) }));
  parts.push(runs(facts.running_now), failures(facts.failures));
  return parts;
}

function figures(facts) {
  const estimated = text("batch.estimated", { count: facts.sampled });
  const known = (name) => facts[name] !== undefined;
  const found = [];
  found.push(fact(text("batch.backlog"), known("estimated_backlog_seconds") ? length(facts.estimated_backlog_seconds) : text("batch.unknown"), { note: known("estimated_backlog_seconds") ? estimated : text("batch.no_sample") }));
  const finish = known("estimated_finish") ? new Date(facts.estimated_finish) : null;
  found.push(fact(text("batch.finish"), finish ? moment(finish) : text(facts.waiting + facts.in_flight ? "batch.unknown" : "batch.nothing"), { note: deadline(facts, finish), bad: facts.due && finish > new Date(facts.due) }));
  const dollars = known("estimated_cost_dollars") && facts.estimated_cost_dollars > 0;
  const cost = { style: "currency", currency: "USD", currencyDisplay: "narrowSymbol", maximumFractionDigits: facts.estimated_cost_dollars < 1 ? 4 : 2 };
  found.push(fact(text("batch.cost"), dollars ? number(facts.estimated_cost_dollars, cost) : text("batch.unknown"), { note: dollars ? estimated : text("batch.no_price") }));
  if (known("ended_in_last_hour")) found.push(fact(text("batch.pace"), number(facts.ended_in_last_hour), { note: text("batch.pace.note") }));
  return found;
}

function deadline(facts, finish) {
  if (!facts.due) return text("batch.no_deadline");
  const due = new Date(facts.due);
  if (!finish) return text("batch.due.only", { time: moment(due) });
  return text(finish <= due ? "batch.due" : "batch.too_late", { time: moment(due) });
}

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
  const rows = failed.map((one) => [one.recording ?? text("batch.hidden"), moment(new Date(one.at)), one.message, one.expected]);
  return table("batch.failures", ["batch.recording", "batch.when", "batch.reason", "batch.expected"], rows, "batch.none_failed");
}

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
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.round((seconds % 3600) / 60);
  const unit = (value, name) => number(value, { style: "unit", unit: name, unitDisplay: "short" });
  return hours ? `${unit(hours, "hour")} ${unit(minutes, "minute")}` : unit(minutes, "minute");
}

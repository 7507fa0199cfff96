// The list of this tab's calls: the state of each, and what can be done about it.

import { button, element } from "./call/elements.js";
import { number, text, translate } from "./texts.js";

// While one of these lasts, its share is shown.
const MEASURED = new Set(["preparing", "uploading", "transcribing", "job_running", "accepted", "job_waiting", "queued"]);

const SENDING = new Set(["queued", "preparing", "uploading"]);
const RETRIED = new Set(["failed", "unloaded", "stopped", "expired"]);

/** Shows entries in an <ol>; `actions` has open, retry, stop, remove and copyLink, each for an entry. */
export class List {
  #rows = new Map();
  #opened = null;

  constructor(root, actions) {
    this.root = root;
    this.actions = actions;
    document.addEventListener("words", () => this.#rows.forEach((row) => row.translate()));
  }

  /** Show a new entry at the top. */
  add(entry) {
    const row = new Row(entry, this.actions);
    this.#rows.set(entry, row);
    this.root.prepend(row.root);
  }

  remove(entry) {
    const row = this.#rows.get(entry);
    const next = row.root.nextElementSibling ?? row.root.previousElementSibling;
    row.root.remove();
    this.#rows.delete(entry);
    return next?.querySelector(".entry-open") ?? null;
  }

  /** Mark the entry that is open. */
  mark(entry) {
    this.#rows.get(this.#opened)?.mark(false);
    this.#opened = entry;
    this.#rows.get(entry)?.mark(true);
  }
}

class Row {
  constructor(entry, actions) {
    this.entry = entry;
    this.actions = actions;
    this.open = element("button", { type: "button", className: "entry-open", onclick: () => actions.open(entry) });
    this.state = element("p", { className: "entry-state" });
    this.progress = element("progress", { max: 1 });
    this.reason = element("p", { className: "entry-reason", id: `${entry.id}-reason` });
    this.buttons = element("div", { className: "entry-buttons" });
    this.root = element("li", { className: "entry" }, this.open, this.state, this.progress, this.reason, this.buttons);
    this.open.setAttribute("aria-describedby", this.reason.id);
    entry.addEventListener("change", (event) => this.#show(event.detail.entered));
    this.translate();
  }

  mark(opened) {
    this.root.classList.toggle("opened", opened);
    this.open.setAttribute("aria-current", String(opened));
  }

  translate() {
    this.#show(true);
  }

  #show(entered) {
    const { entry } = this;
    this.open.textContent = titleOf(entry);
    this.state.textContent = stateOf(entry);
    this.root.dataset.state = entry.state;
    this.progress.hidden = !MEASURED.has(entry.state);
    if (entry.share === null) this.progress.removeAttribute("value");
    else this.progress.value = entry.share;
    this.progress.setAttribute("aria-label", text("entry.progress", { name: this.open.textContent }));
    const reply = entry.reply ? text(entry.reply.key, entry.reply.values) : "";
    this.reason.textContent = [reply, entry.failure?.sentence ?? notice(entry)].filter(Boolean).join(" ");
    this.reason.hidden = !this.reason.textContent;
    if (entered) this.#showButtons();
  }

  #showButtons() {
    const { entry, actions } = this;
    const focused = this.buttons.contains(document.activeElement);
    const shown = [];
    const add = (key, action) => shown.push(button(key, { onclick: () => action(entry), "aria-describedby": this.reason.id }));
    if (RETRIED.has(entry.state) && (entry.file || entry.job)) add("entry.retry", actions.retry);
    if (entry.job) add("entry.link", actions.copyLink);
    // A worker goes on with a job, whether or not this page follows it.
    const removed = entry.ended || (entry.job && !SENDING.has(entry.state));
    add(removed ? "entry.remove" : "entry.stop", removed ? actions.remove : actions.stop);
    this.buttons.replaceChildren(...shown);
    translate(this.buttons);
    for (const made of shown) made.setAttribute("aria-label", text("entry.action", { action: made.textContent, name: this.open.textContent }));
    if (focused) shown.at(-1).focus();
  }
}

/** The name of an entry; a job that a link has led to has none. */
export const titleOf = (entry) => entry.name || text("entry.unnamed", { id: entry.job?.slice(0, 8) ?? "" });

/** The state of an entry in words. */
export function stateOf(entry) {
  const share = entry.share === null ? "" : number(entry.share, { style: "percent", maximumFractionDigits: 0 });
  return text(`state.${entry.state}`, { share, seconds: entry.seconds ?? 0 });
}

/** What a transcript lacks. */
function notice(entry) {
  if (entry.state === "partial") return text("notice.partial", { seconds: Math.ceil(entry.transcript.missing_seconds) });
  return entry.state === "unheard" ? text("notice.unheard") : "";
}

// Keys of the call view, and the dialog that lists them.

import { ofBrowser } from "../storage.js";
import { text } from "../texts.js";
import { button, element } from "./elements.js";
import { SKIP } from "./player.js";

const STORED = "call-keys-off";
const TYPING = "input, select, textarea, [contenteditable]";
const PRESSED_BY_SPACE = "button, [role=button], summary, a";

/**
 * Single keys for the parts of a view. They can be switched off, since speech input and some keyboards press them unmeant.
 *
 * `follow()` switches following, `enabled()` says whether the view takes keys at all.
 */
export class Shortcuts {
  constructor({ player, timeline, search, follow, enabled }) {
    this.enabled = enabled;
    this.shortcuts = [
      { keys: [" ", "k"], label: "call.key.play", run: () => player.toggle() },
      { keys: ["j"], label: "call.back", run: () => player.skip(-SKIP) },
      { keys: ["l"], label: "call.forward", run: () => player.skip(SKIP) },
      { keys: ["<"], label: "call.key.slower", run: () => player.changeSpeed(-1) },
      { keys: [">"], label: "call.key.faster", run: () => player.changeSpeed(1) },
      { keys: ["/"], label: "call.search", run: () => search.field.focus() },
      { keys: ["n"], label: "call.search.next", run: () => search.step(1) },
      { keys: ["p"], label: "call.search.previous", run: () => search.step(-1) },
      { keys: ["f"], label: "call.follow", run: follow },
      { keys: ["+"], label: "call.zoom.in", run: () => timeline.zoom(1) },
      { keys: ["-"], label: "call.zoom.out", run: () => timeline.zoom(-1) },
      { keys: ["?"], label: "call.keys", run: () => this.show() },
    ];
    this.list = element("dl", { className: "call-keys" });
    this.on = element("input", { type: "checkbox", checked: ofBrowser.getItem(STORED) === null, onchange: () => this.#remember() });
    this.dialog = element(
      "dialog",
      { className: "call-dialog", "aria-labelledby": "call-keys-title" },
      element("h2", { id: "call-keys-title", data: { text: "call.keys" } }),
      this.list,
      element("label", { className: "call-switch" }, this.on, element("span", { data: { text: "call.keys.on" } })),
      button("call.close", { onclick: () => this.dialog.close() }),
    );
  }

  /** Listen until the signal ends it. */
  listen(signal) {
    document.addEventListener("keydown", (event) => this.#onKey(event), { signal });
  }

  show() {
    this.dialog.showModal();
  }

  /** Write the list again in the reader's language. */
  translate() {
    const rows = this.shortcuts.map(({ keys, label }) => [
      element("dt", {}, ...keys.map((key) => element("kbd", { textContent: key === " " ? text("call.key.space") : key }))),
      element("dd", { textContent: text(label) }),
    ]);
    const inText = ["call.keys.rows", "call.keys.words"].map((label, index) => [
      element("dt", {}, ...(index ? ["←", "→"] : ["↑", "↓"]).map((key) => element("kbd", { textContent: key }))),
      element("dd", { textContent: text(label) }),
    ]);
    this.list.replaceChildren(...[...rows, ...inText].map((pair) => element("div", {}, ...pair)));
  }

  #remember() {
    if (this.on.checked) ofBrowser.removeItem(STORED);
    else ofBrowser.setItem(STORED, "1");
  }

  #onKey(event) {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || !this.enabled()) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.(TYPING)) return;
    if (event.key === " " && event.target.closest?.(PRESSED_BY_SPACE)) return;
    const found = this.on.checked && this.shortcuts.find(({ keys }) => keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found.run();
  }
}

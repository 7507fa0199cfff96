// The keyboard in the text: one stop for Tab, arrows between segments and words.

/**
 * Up and down go to the times of the segments, left and right to their words; Enter or Space plays from there.
 *
 * A word is an element with a role only while it has the focus, so that a screen reader reads the text as a text.
 */
export class Roving {
  #stop = null;

  constructor(root, { rows, open, play }) {
    Object.assign(this, { root, rows, open, play });
    root.addEventListener("keydown", (event) => this.#onKey(event));
    root.addEventListener("focusin", (event) => this.#onFocus(event));
    root.addEventListener("focusout", (event) => leave(event.target));
  }

  /** The first row is where Tab goes. */
  reset() {
    this.#stop = null;
    this.rest(this.rows()[0]);
  }

  /** Tab goes to this row from now on, unless the focus is in the text. */
  rest(row) {
    if (!row || (this.#stop && this.root.contains(document.activeElement))) return;
    this.#stopAt(row);
  }

  #stopAt(row) {
    if (this.#stop) this.#stop.play.tabIndex = -1;
    this.#stop = row;
    row.play.tabIndex = 0;
  }

  #onFocus(event) {
    const row = this.#rowOf(event.target);
    if (row && row !== this.#stop) this.#stopAt(row);
  }

  #onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const row = this.#rowOf(event.target);
    const word = event.target.classList.contains("call-word") ? Number(event.target.dataset.word) : -1;
    const move = row && this.#moves(row, word)[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  #moves(row, word) {
    const rows = this.rows();
    const index = rows.indexOf(row);
    const to = (goal) => () => rows[goal] && this.#focus(rows[goal].play);
    const chosen = row.segment?.words[word];
    return {
      ArrowDown: to(index + 1),
      ArrowUp: to(word < 0 ? index - 1 : index),
      Home: to(0),
      End: to(rows.length - 1),
      ArrowRight: () => this.#word(rows, index, word + 1),
      ArrowLeft: () => this.#word(rows, index, word - 1),
      ...(chosen && { Enter: () => this.play(chosen.start), " ": () => this.play(chosen.start), Escape: to(index) }),
    };
  }

  /** Focus a word; beyond either end of its row, one of the next or the previous row. */
  #word(rows, index, word) {
    const row = rows[index];
    if (word === -1) return this.#focus(row.play);
    if (word < -1) {
      const before = rows[index - 1];
      return before && this.#word(rows, index - 1, (before.segment?.words.length ?? 0) - 1);
    }
    this.open(row);
    const span = row.spans?.[word];
    if (!span) return rows[index + 1] && this.#focus(rows[index + 1].play);
    span.tabIndex = -1;
    span.setAttribute("role", "button");
    return this.#focus(span);
  }

  #focus(target) {
    target.focus({ preventScroll: true });
    target.closest("li").scrollIntoView({ block: "nearest" });
  }

  #rowOf(target) {
    const item = target.closest("li");
    return this.rows().find((row) => row.root === item);
  }
}

function leave(target) {
  if (!target.classList.contains("call-word")) return;
  target.removeAttribute("role");
  target.removeAttribute("tabindex");
}

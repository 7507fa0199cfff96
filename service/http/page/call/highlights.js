// Hits of a search in the text, as the browser's own highlights: no element is added for them.

const [ALL, CURRENT] = ["call-hit", "call-current-hit"];

/** The hits in rows; only ranges in rows that are asked for again with `refresh` follow a change of their nodes. */
export class Highlights {
  #hits = [];
  #current = null;
  #paragraph = () => null;
  #waiting = 0;

  /** Show hits; `paragraph(segment)` is the element that contains a segment's text. */
  show(hits, current, paragraph) {
    this.#hits = hits;
    this.#current = current;
    this.#paragraph = paragraph;
    this.refresh();
  }

  /** Find the ranges again before the next frame, since their paragraphs have other nodes now. */
  refresh() {
    if (!("highlights" in CSS)) return;
    this.#waiting ||= requestAnimationFrame(() => {
      this.#waiting = 0;
      const near = this.#hits.filter(({ segment }) => this.#isNear(segment));
      for (const [name, current] of [[ALL, false], [CURRENT, true]]) {
        const ranges = near.filter((hit) => (hit === this.#current) === current).map((hit) => this.#range(hit));
        CSS.highlights.set(name, new Highlight(...ranges));
      }
    });
  }

  // A row that is near the window has more than one node.
  #isNear(segment) {
    return this.#paragraph(segment)?.childElementCount > 0;
  }

  #range({ segment, from, to }) {
    const range = document.createRange();
    const nodes = document.createTreeWalker(this.#paragraph(segment), NodeFilter.SHOW_TEXT);
    let before = 0;
    for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
      if (from >= before && from < before + node.length) range.setStart(node, from - before);
      if (to > before && to <= before + node.length) range.setEnd(node, to - before);
      before += node.length;
    }
    return range;
  }
}

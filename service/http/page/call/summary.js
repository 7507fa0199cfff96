// The call in figures: how its time was shared, and which marks the timeline and the text have.

import { text } from "../texts.js";
import { length, percent } from "./clock.js";
import { element } from "./elements.js";
import { MARKED_SILENCE } from "./figures.js";
import { UNSURE } from "./model.js";

/** A bar of the shares of the talk, and the same figures as text. */
export function talkBar(call, figures) {
  if (!call.segments.length) return [];
  const parts = [
    ...call.lanes.map((channel, lane) => ({
      kind: lane % 2 ? "customer" : "agent",
      name: call.speaker(channel) || text("call.talk"),
      seconds: figures.alone[lane],
    })),
    { kind: "both", name: text("call.both"), seconds: figures.both },
    { kind: "silence", name: text("call.silence"), seconds: figures.silence },
    { kind: "missing", name: text("call.missing"), seconds: figures.missing },
  ].filter(({ seconds }) => seconds > 0);
  const bar = element("div", { className: "call-bar", "aria-hidden": "true" });
  for (const { kind, seconds } of parts) {
    const piece = element("span", { data: { kind } });
    piece.style.flexGrow = seconds;
    bar.append(piece);
  }
  const items = parts.map(({ kind, name, seconds }) =>
    element(
      "div",
      {},
      element("dt", {}, swatch(kind), name),
      element("dd", { textContent: `${length(seconds)} · ${percent(seconds / call.duration)}` }),
    ),
  );
  return [bar, element("dl", { className: "call-shares" }, ...items)];
}

/** A list item for each kind of mark that the call has. */
export function marks(call, figures) {
  const spans = { silence: figures.silences, missing: call.gaps, unheard: call.unheard };
  const items = Object.entries(spans).map(([kind, found]) => {
    const seconds = found.reduce((sum, { start, end }) => sum + end - start, 0);
    return found.length && mark(kind, { count: found.length, length: length(seconds), least: length(MARKED_SILENCE) });
  });
  const unsure = call.segments.reduce((sum, segment) => sum + segment.words.filter((word) => word.unsure).length, 0);
  return [...items, unsure && mark("unsure", { count: unsure, threshold: percent(UNSURE) })].filter(Boolean);
}

const mark = (kind, values) => element("li", {}, swatch(kind), text(`call.marked.${kind}`, values));
const swatch = (kind) => element("span", { className: "call-swatch", data: { kind } });

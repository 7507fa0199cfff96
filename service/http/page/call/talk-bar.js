// How the time of a call was shared: a bar, and the same figures as text.

import { text } from "../texts.js";
import { length, percent } from "./clock.js";
import { element } from "./elements.js";

/** The bar and its figures, in one element. */
export function talkBar(call, figures) {
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
      element("dt", {}, element("span", { className: "call-swatch", data: { kind } }), name),
      element("dd", { textContent: `${length(seconds)} · ${percent(seconds / call.duration)}` }),
    ),
  );
  return [bar, element("dl", { className: "call-shares" }, ...items)];
}

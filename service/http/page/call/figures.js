// Who talked for how long, and when nobody or more than one did.

// Shorter ones are part of any conversation: they count, but are not marked.
export const MARKED_SILENCE = 3;
const MARKED_OVERLAP = 0.3;

/**
 * The talk of a call in seconds: `alone` by lane, `both` (two or more at once), `silence`, and `missing` audio.
 *
 * Together they are the call's duration. `overlaps` and `silences` are the spans that the timeline marks.
 */
export function talk(call) {
  const figures = { alone: call.lanes.map(() => 0), both: 0, silence: 0, missing: 0, overlaps: [], silences: [] };
  const active = new Map();
  let since = 0;
  let speaking = 0;
  const edges = [...edgesOf(call), { at: call.duration, lane: null, step: 0 }];
  for (const { at, lane, step } of edges.sort((one, other) => one.at - other.at)) {
    const until = Math.min(at, call.duration);
    if (until > since) count(figures, active, speaking, { start: since, end: until });
    since = Math.max(since, until);
    if (lane === null) continue;
    const before = active.get(lane) ?? 0;
    active.set(lane, before + step);
    if (lane >= 0 && !before !== !(before + step)) speaking += step;
  }
  figures.overlaps = joined(figures.overlaps).filter(({ start, end }) => end - start >= MARKED_OVERLAP);
  figures.silences = joined(figures.silences).filter(({ start, end }) => end - start >= MARKED_SILENCE);
  return figures;
}

// Missing audio is lane -1.
function edgesOf(call) {
  const spans = [
    ...call.segments.map(({ channel, start, end }) => ({ lane: call.lane(channel), start, end })),
    ...call.gaps.map(({ start, end }) => ({ lane: -1, start, end })),
  ];
  return spans.flatMap(({ lane, start, end }) => [
    { at: start, lane, step: 1 },
    { at: end, lane, step: -1 },
  ]);
}

function count(figures, active, speaking, span) {
  const seconds = span.end - span.start;
  if (speaking > 1) {
    figures.both += seconds;
    figures.overlaps.push(span);
  } else if (speaking === 1) {
    figures.alone[figures.alone.findIndex((_, lane) => active.get(lane) > 0)] += seconds;
  } else if (active.get(-1) > 0) {
    figures.missing += seconds;
  } else {
    figures.silence += seconds;
    figures.silences.push(span);
  }
}

function joined(spans) {
  const found = [];
  for (const span of spans) {
    if (found.length && found.at(-1).end === span.start) found.at(-1).end = span.end;
    else found.push({ ...span });
  }
  return found;
}

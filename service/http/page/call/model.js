// One call as the view needs it, from the service's JSON.

import { text } from "../texts.js";

// Words below this probability are underlined.
export const UNSURE = 0.5;
// ISO 639; `und` is a recording whose language could not be told.
const LANGUAGE = /^(?!und$)[a-z]{2,3}$/;

/**
 * A call: its lanes (the channels that were transcribed), and its segments in the order of their beginnings.
 *
 * It reads a result document, its `transcript`, and the answer of POST /transcribe. All times are seconds.
 */
export class Call {
  #words = new Map();

  constructor(json = null) {
    const found = json?.transcript ?? json;
    const facts = found?.metadata ?? found ?? {};
    const segments = found ? (found.segments ?? found.transcription) : [];
    if (!Array.isArray(segments)) throw new TypeError("a transcript has segments");
    this.json = json;
    this.provenance = json?.provenance ?? null;
    this.language = LANGUAGE.test(facts.language) ? facts.language : "";
    this.gaps = facts.gaps ?? [];
    this.unheard = facts.unheard ?? [];
    this.missingSeconds = facts.missing_seconds ?? 0;
    this.segments = segments.map(readSegment).sort(byStart);
    this.duration = Math.max(facts.duration ?? 0, ...lastEnds(this.segments));
    const repeated = new Set((facts.duplicate_channels ?? []).map((duplicate) => duplicate.channel));
    const channels = Math.max(facts.channels ?? 1, ...this.segments.map((segment) => segment.channel + 1));
    this.lanes = Array.from({ length: channels }, (_, channel) => channel).filter((channel) => !repeated.has(channel));
  }

  /** Add a segment of a call that is still being transcribed; its index. */
  insert(plain) {
    const segment = readSegment(plain);
    const later = this.segments.findIndex((other) => other.start > segment.start);
    const index = later < 0 ? this.segments.length : later;
    this.segments.splice(index, 0, segment);
    this.duration = Math.max(this.duration, segment.end);
    this.#words.clear();
    return index;
  }

  /** Have at least so many lanes; whether that changes the call. */
  widen(channels) {
    const narrow = this.lanes.length < channels;
    while (this.lanes.length < channels) this.lanes.push(this.lanes.length);
    return narrow;
  }

  /** The number of a channel's lane, which chooses its colour. */
  lane(channel) {
    return Math.max(0, this.lanes.indexOf(channel));
  }

  /** The name of a channel's speaker; empty if only one channel was transcribed. */
  speaker(channel) {
    if (this.lanes.length === 1) return "";
    if (this.lanes.length === 2) return text(channel === this.lanes[0] ? "call.agent" : "call.customer");
    return text("call.channel", { channel });
  }

  /** The word that a channel speaks at a time, if any. */
  wordAt(channel, time) {
    const words = this.#wordsOf(channel);
    const word = words[lastAtOrBefore(words, time)];
    return word && time < word.end ? word : null;
  }

  /** The segment that was begun last at a time; null before the first one. */
  segmentAt(time) {
    return this.segments[lastAtOrBefore(this.segments, time)] ?? null;
  }

  #wordsOf(channel) {
    if (!this.#words.has(channel)) {
      const words = this.segments.filter((segment) => segment.channel === channel).flatMap((segment) => segment.words);
      this.#words.set(channel, words.sort(byStart));
    }
    return this.#words.get(channel);
  }
}

const byStart = (one, other) => one.start - other.start;

/** The index of the last item that begins at a time or before it; -1 if there is none. */
export function lastAtOrBefore(items, time) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const lastEnds = (segments) => (segments.length ? [segments.reduce((last, { end }) => Math.max(last, end), 0)] : []);

function readSegment(plain) {
  const segment = {
    channel: plain.channel ?? 0,
    start: plain.start,
    end: plain.end,
    text: String(plain.text).split(/\s+/).filter(Boolean).join(" "),
    language: LANGUAGE.test(plain.language) ? plain.language : "",
  };
  if (!(segment.start <= segment.end)) throw new TypeError("a segment has a start and an end");
  segment.words = (plain.words?.length ? heardWords : estimatedWords)(segment, plain.words);
  segment.words.forEach((word, index) => Object.assign(word, { segment, index, unsure: word.probability < UNSURE }));
  return segment;
}

/** The words with their places in the segment's text; a word that the text does not contain is left out. */
function heardWords(segment, words) {
  const found = [];
  let from = 0;
  for (const { start, end, text: spelt, probability } of words) {
    const word = String(spelt).trim();
    const at = word ? segment.text.indexOf(word, from) : -1;
    if (at < 0) continue;
    from = at + word.length;
    found.push({ start, end, at, text: word, probability });
  }
  return found;
}

/** Words whose times are in proportion to their places in the text, for transcripts without words; none is doubted. */
function estimatedWords(segment) {
  const share = (segment.end - segment.start) / Math.max(1, segment.text.length);
  return Array.from(segment.text.matchAll(/\S+/g), ({ 0: word, index: at }) => ({
    start: segment.start + at * share,
    end: segment.start + (at + word.length) * share,
    at,
    text: word,
    probability: 1,
  }));
}

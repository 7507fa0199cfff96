// Segments as subtitle cues, by the rules of the service's own subtitles (service/transcript/cues.py); a test compares them.

const MAX_LINES = 2;
const MAX_COLUMNS = 42;
const MAX_SECONDS = 7;
const MIN_GAP_SECONDS = 0.08;
const MIN_CUE_SECONDS = 0.1;
const CLAUSE_END = /[,;:.?!…、，；：。？！]$/u;
const CLOSING = /^[,.;:!?…)\]}»”’、，。；：？！）」』】〉》ー々\p{M}]/u;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]/u;

/** The cues of a call in order of time, as `{channel, start, end, lines}`; `name(channel)` takes room in the first line. */
export function cues(call, name) {
  const found = call.lanes.flatMap((channel) => {
    const reserved = name(channel) ? columns(`${name(channel)}: `) : 0;
    const segments = call.segments.filter((segment) => segment.channel === channel);
    return apart(segments.flatMap((segment) => split(segment, reserved)));
  });
  return found.sort((one, other) => one.start - other.start || one.channel - other.channel);
}

function split(segment, reserved) {
  const { text } = segment;
  const times = new Times(segment);
  const found = [];
  let parts = partsOf(text, MAX_COLUMNS - reserved);
  while (parts.length) {
    let fitting = 1;
    while (fitting < parts.length && fits(parts.slice(0, fitting + 1), text, times, reserved)) fitting += 1;
    if (fitting < parts.length) fitting = clause(parts, fitting, text);
    const start = times.start(parts[0][0]);
    const end = Math.max(start, times.end(parts[fitting - 1][1]));
    const lines = linesOf(parts.slice(0, fitting), text, reserved);
    found.push({ channel: segment.channel, start, end: Math.min(end, start + MAX_SECONDS), lines });
    parts = parts.slice(fitting);
  }
  return found;
}

/** A full cue ends after a clause rather than at its last word, if that leaves it half full. */
function clause(parts, fitting, text) {
  for (let count = fitting; count > Math.floor(fitting / 2); count -= 1) {
    if (CLAUSE_END.test(text.slice(0, parts[count - 1][1]))) return count;
  }
  return fitting;
}

const fits = (parts, text, times, reserved) =>
  times.end(parts.at(-1)[1]) - times.start(parts[0][0]) <= MAX_SECONDS && linesOf(parts, text, reserved).length <= MAX_LINES;

function linesOf(parts, text, reserved) {
  const lines = [];
  let start = parts[0][0];
  for (let index = 0; index + 1 < parts.length; index += 1) {
    const room = MAX_COLUMNS - (lines.length ? 0 : reserved);
    if (columns(text.slice(start, parts[index + 1][1]).trim()) > room) {
      lines.push(text.slice(start, parts[index][1]).trim());
      start = parts[index][1];
    }
  }
  return [...lines, text.slice(start, parts.at(-1)[1]).trim()];
}

/** The beginning and the end of each piece that stays on one line: a word, or a character of a script without spaces. */
function partsOf(text, room) {
  const parts = [];
  let [start, width, at] = [0, 0, 0];
  const characters = Array.from(text);
  characters.forEach((character, index) => {
    const following = characters[index + 1] ?? "";
    at += character.length;
    width += columns(character);
    const breaks = character === " " || unspaced(character) || unspaced(following);
    const full = width + columns(following) > room;
    if (following && !full && !(breaks && !CLOSING.test(following))) return;
    const piece = text.slice(start, at).trimEnd();
    if (piece) parts.push([start, start + piece.length]);
    [start, width] = [at, 0];
  });
  return parts;
}

/** The times of a segment's text, from the times of its words. */
class Times {
  #positions = [0];
  #seconds;

  constructor({ text, start, end, words }) {
    this.#seconds = [start];
    for (const word of words) {
      this.#positions.push(word.at, word.at + word.text.length);
      this.#seconds.push(word.start, word.end);
    }
    this.#positions.push(text.length);
    this.#seconds.push(Math.max(start, end));
    const last = this.#seconds.at(-1);
    for (let index = 1; index < this.#seconds.length; index += 1) {
      this.#seconds[index] = Math.min(Math.max(this.#seconds[index], this.#seconds[index - 1]), last);
    }
  }

  start(position) {
    return this.#at(position, this.#before(position));
  }

  end(position) {
    return this.#at(position, Math.max(0, this.#before(position - 1)));
  }

  #before(position) {
    return this.#positions.findLastIndex((other) => other <= position);
  }

  #at(position, index) {
    if (index + 1 >= this.#positions.length) return this.#seconds.at(-1);
    const [low, high] = [this.#positions[index], this.#positions[index + 1]];
    const share = high > low ? (position - low) / (high - low) : 0;
    return this.#seconds[index] + share * (this.#seconds[index + 1] - this.#seconds[index]);
  }
}

function apart(found) {
  let earliest = 0;
  return found.map((cue, index) => {
    const start = milliseconds(Math.max(cue.start, earliest));
    let end = Math.min(cue.end, start + MAX_SECONDS);
    if (index + 1 < found.length) end = Math.min(end, found[index + 1].start - MIN_GAP_SECONDS);
    end = milliseconds(Math.max(end, start + MIN_CUE_SECONDS));
    earliest = end + MIN_GAP_SECONDS;
    return { ...cue, start, end };
  });
}

const milliseconds = (seconds) => Math.round(seconds * 1000) / 1000;
const columns = (text) => Array.from(text).reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0);
const unspaced = (character) => UNSPACED.test(character) || (WIDE.test(character) && !/\p{Script=Hangul}/u.test(character));

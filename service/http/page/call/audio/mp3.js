// MP3 files, part by part: each part begins with a whole frame, so that the browser can decode it alone.

import { decode, feed, RATE } from "./decoding.js";

const PART = 2 ** 19;
// MPEG 1, then MPEG 2 and 2.5, layer III, in kbit/s and Hz.
const BIT_RATES = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const SAMPLE_RATES = { 3: [44100, 48000, 32000], 2: [22050, 24000, 16000], 0: [11025, 12000, 8000] };

export const isMp3 = (head) => head.byteLength > 10 && (hasTag(head) || frameAt(head, 0) !== null);

/** Decode a file's parts, one at a time, into the meter that `meter(channels, rate)` makes. */
export async function readMp3(blob, { head, signal, meter }) {
  let at = hasTag(head) ? 10 + syncSafe(head) : 0;
  let [measure, seconds, fed] = [null, 0, 0];
  while (at < blob.size) {
    const view = new DataView(await blob.slice(at, at + PART).arrayBuffer());
    const part = framesOf(view, { last: at + PART >= blob.size });
    signal.throwIfAborted();
    at += part.end;
    if (part.begin === part.end) continue;
    const decoded = await decode(view.buffer.slice(part.begin, part.end));
    signal.throwIfAborted();
    measure ??= meter(decoded.numberOfChannels, RATE);
    seconds += part.seconds;
    const frames = Math.round(seconds * RATE) - fed;
    feed(measure, decoded, frames);
    fed += frames;
  }
  if (measure === null) throw new TypeError("an MP3 file without frames");
}

/** The whole frames in a view: from which byte to which, and how long they last. Other bytes are skipped. */
function framesOf(view, { last }) {
  let [at, begin, seconds] = [0, -1, 0];
  while (at + 4 <= view.byteLength) {
    const frame = frameAt(view, at);
    if (frame === null) {
      at += 1;
      continue;
    }
    if (at + frame.bytes > view.byteLength && !last) break;
    if (begin < 0) begin = at;
    seconds += frame.seconds;
    at += frame.bytes;
  }
  const end = last ? view.byteLength : Math.min(at, view.byteLength);
  return { begin: begin < 0 ? end : begin, end, seconds };
}

function frameAt(view, at) {
  const header = view.getUint32(at);
  const [version, layer] = [(header >>> 19) & 3, (header >>> 17) & 3];
  if (header >>> 21 !== 0x7ff || version === 1 || layer !== 1) return null;
  const bits = BIT_RATES[version === 3 ? 0 : 1][(header >>> 12) & 15];
  const rate = SAMPLE_RATES[version][(header >>> 10) & 3];
  if (!bits || !rate) return null;
  const samples = version === 3 ? 1152 : 576;
  return { bytes: Math.floor((samples * bits * 125) / rate) + ((header >>> 9) & 1), seconds: samples / rate };
}

const hasTag = (head) => head.getUint8(0) === 0x49 && head.getUint8(1) === 0x44 && head.getUint8(2) === 0x33;
const syncSafe = (head) => [6, 7, 8, 9].reduce((size, at) => (size << 7) | (head.getUint8(at) & 127), 0);

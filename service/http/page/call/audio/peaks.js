// The loudness of a recording over time, a hundred values a second, without ever holding its samples in memory.

import { isMp3, readMp3 } from "./mp3.js";
import { isWav, readWav } from "./wav.js";
import { decode, feed, RATE } from "./decoding.js";

export const PER_SECOND = 100;
const COARSE = 32;
// A browser decodes any other file as a whole, in 32-bit samples at the file's own rate, which is 48 kHz at most.
const DECODED_BYTES = 512 * 2 ** 20;

export class TooLong extends Error {}

/** One channel's peaks, 0 to 255: appended in order, read as the highest of a stretch. */
export class PeakTrack {
  #fine = new Uint8Array(4096);
  #coarse = new Uint8Array(128);
  length = 0;
  highest = 1;

  push(peak) {
    if (this.length === this.#fine.length) {
      this.#fine = grown(this.#fine);
      this.#coarse = grown(this.#coarse);
    }
    this.#fine[this.length] = peak;
    const group = Math.floor(this.length / COARSE);
    this.#coarse[group] = Math.max(this.#coarse[group], peak);
    this.highest = Math.max(this.highest, peak);
    this.length += 1;
  }

  /** The highest peak from one second to another. */
  between(start, end) {
    const last = Math.min(this.length, Math.max(Math.ceil(end * PER_SECOND), Math.floor(start * PER_SECOND) + 1));
    let [index, peak] = [Math.max(0, Math.floor(start * PER_SECOND)), 0];
    while (index < last) {
      const whole = index % COARSE === 0 && index + COARSE <= last;
      peak = Math.max(peak, whole ? this.#coarse[index / COARSE] : this.#fine[index]);
      index += whole ? COARSE : 1;
    }
    return peak;
  }
}

/** Turns frames of samples into peaks, whatever the rate. */
export class Meter {
  #frame = 0;
  #peaks;

  constructor(tracks, rate) {
    this.tracks = tracks;
    this.rate = rate;
    this.#peaks = tracks.map(() => 0);
    this.#next();
  }

  /** Count `frames`; `magnitude(frame, channel)` is the absolute sample, 0 to 32768. */
  add(frames, magnitude) {
    const peaks = this.#peaks;
    for (let frame = 0; frame < frames; frame += 1) {
      for (let channel = 0; channel < peaks.length; channel += 1) {
        const value = magnitude(frame, channel);
        if (value > peaks[channel]) peaks[channel] = value;
      }
      this.#frame += 1;
      if (this.#frame === this.boundary) this.#flush();
    }
  }

  #flush() {
    this.tracks.forEach((track, channel) => track.push(Math.min(255, this.#peaks[channel] >> 7)));
    this.#peaks.fill(0);
    this.#next();
  }

  // Boundaries are counted from the beginning, so that a rate that 100 does not divide adds up to no shift.
  #next() {
    this.bucket = (this.bucket ?? 0) + 1;
    this.boundary = Math.round((this.bucket * this.rate) / PER_SECOND);
  }
}

/**
 * Read the peaks of a recording; `onTracks` gets the tracks, which grow until the promise is fulfilled.
 *
 * WAV and MP3 are read slice by slice. Any other file is decoded as a whole, or refused with `TooLong` if `seconds`, the
 * promise of its length, says so.
 */
export async function readPeaks(blob, { seconds, signal, onTracks }) {
  const meter = (channels, rate) => {
    const tracks = Array.from({ length: channels }, () => new PeakTrack());
    onTracks(tracks);
    return new Meter(tracks, rate);
  };
  const head = new DataView(await blob.slice(0, 4096).arrayBuffer());
  if (isWav(head)) return readWav(blob, { head, signal, meter });
  if (isMp3(head)) return readMp3(blob, { head, signal, meter });
  if ((await seconds) * 2 * 48_000 * 4 > DECODED_BYTES) throw new TooLong();
  const decoded = await decode(await blob.arrayBuffer());
  signal.throwIfAborted();
  feed(meter(decoded.numberOfChannels, RATE), decoded, decoded.length);
}

function grown(values) {
  const larger = new Uint8Array(values.length * 2);
  larger.set(values);
  return larger;
}

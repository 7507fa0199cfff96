// WAV files, slice by slice: PCM of 8 to 32 bits, 32-bit float, and the telephone's mu-law and A-law.

const SLICE = 2 ** 20;
const [PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE] = [1, 3, 6, 7, 0xfffe];

export const isWav = (head) => ["RIFF", "RF64"].includes(tag(head, 0)) && tag(head, 8) === "WAVE";

/** Read a file's samples into the meter that `meter(channels, rate)` makes. */
export async function readWav(blob, { head, signal, meter }) {
  const { format, channels, rate, bits, offset, size } = await layout(blob, head);
  const magnitudes = reader(format, bits);
  const frameBytes = (channels * bits) / 8;
  const measure = meter(channels, rate);
  const step = Math.max(1, Math.floor(SLICE / frameBytes)) * frameBytes;
  for (let at = offset; at < offset + size; at += step) {
    const buffer = await blob.slice(at, Math.min(at + step, offset + size)).arrayBuffer();
    signal.throwIfAborted();
    const magnitude = magnitudes(buffer);
    measure.add(Math.floor(buffer.byteLength / frameBytes), (frame, channel) => magnitude(frame * channels + channel));
  }
}

const tag = (view, at) =>
  view.byteLength < at + 4 ? "" : String.fromCharCode(...[0, 1, 2, 3].map((index) => view.getUint8(at + index)));

/** What the header says. A size of 0 or 4 GB means a stream whose length was unknown: the samples last to the end. */
async function layout(blob, head) {
  let found = null;
  for (let at = 12, view = head, base = 0; at + 8 <= blob.size; ) {
    if (at - base + 48 > view.byteLength) {
      base = at;
      view = new DataView(await blob.slice(at, at + 4096).arrayBuffer());
    }
    const [name, size, body] = [tag(view, at - base), view.getUint32(at - base + 4, true), at - base + 8];
    if (name === "fmt ") {
      const format = view.getUint16(body, true);
      found = {
        format: format === EXTENSIBLE ? view.getUint16(body + 24, true) : format,
        channels: view.getUint16(body + 2, true),
        rate: view.getUint32(body + 4, true),
        bits: view.getUint16(body + 14, true),
      };
    }
    if (name === "data") {
      if (!found?.channels || !found.rate) break;
      const rest = blob.size - at - 8;
      return { ...found, offset: at + 8, size: size === 0 || size > rest ? rest : size };
    }
    at += 8 + size + (size % 2);
  }
  throw new TypeError("a WAV file without a format or samples");
}

/** For a format, a function from a buffer to a function from a sample's number to its magnitude, 0 to 32768. */
function reader(format, bits) {
  const kind = `${format}/${bits}`;
  if (kind === `${PCM}/16`) return (buffer) => reading(new Int16Array(whole(buffer, 2)), Math.abs);
  if (kind === `${PCM}/32`) return (buffer) => reading(new Int32Array(whole(buffer, 4)), (value) => Math.abs(value >> 16));
  if (kind === `${FLOAT}/32`) {
    return (buffer) => reading(new Float32Array(whole(buffer, 4)), (value) => Math.abs(value) * 32768);
  }
  if (kind === `${PCM}/24`) {
    return (buffer) => {
      const bytes = new Int8Array(buffer);
      return (index) => Math.abs((bytes[index * 3 + 2] << 8) | (bytes[index * 3 + 1] & 255));
    };
  }
  const table = bits === 8 && { [PCM]: eightBits, [MU_LAW]: muLaw, [A_LAW]: aLaw }[format];
  if (!table) throw new TypeError("a WAV file of another codec");
  const magnitudes = Float32Array.from({ length: 256 }, (_, byte) => table(byte));
  return (buffer) => reading(new Uint8Array(buffer), (byte) => magnitudes[byte]);
}

const reading = (samples, magnitude) => (index) => magnitude(samples[index]);
const whole = (buffer, bytes) => buffer.slice(0, buffer.byteLength - (buffer.byteLength % bytes));
const eightBits = (byte) => Math.abs(byte - 128) * 256;

// ITU-T G.711.
function muLaw(byte) {
  const code = ~byte & 255;
  return ((((code & 15) << 3) + 132) << ((code >> 4) & 7)) - 132;
}

function aLaw(byte) {
  const code = byte ^ 0x55;
  const [exponent, mantissa] = [(code >> 4) & 7, (code & 15) << 4];
  return exponent ? (mantissa + 264) << (exponent - 1) : mantissa + 8;
}

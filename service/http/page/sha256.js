// SHA-256 of a file that is read in parts. The browser's own digest needs the whole file in memory at once, and a secure origin.

const BLOCK = 64;
const PART_BYTES = 1 << 21;

// The first 32 bits of the fractional parts of the square roots of the first 8 primes, and of the cube roots of the first 64.
const numbers = Array.from({ length: 310 }, (_, n) => n + 2);
const primes = numbers.filter((n) => numbers.every((d) => d >= n || n % d));
const fraction = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const START = Int32Array.from(primes.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const ROUNDS = Int32Array.from(primes.slice(0, 64), (prime) => fraction(Math.cbrt(prime)));

/** The digest of a Blob, as lower-case hex digits; `onProgress(share)` follows it. */
export async function sha256(blob, { signal, onProgress = () => {} } = {}) {
  const digest = new Digest();
  for (let at = 0; at < blob.size; at += PART_BYTES) {
    signal?.throwIfAborted();
    digest.update(new Uint8Array(await blob.slice(at, at + PART_BYTES).arrayBuffer()));
    onProgress(Math.min(1, (at + PART_BYTES) / blob.size));
  }
  return digest.end();
}

class Digest {
  #state = START.slice();
  #words = new Int32Array(64);
  #rest = new Uint8Array(0);
  #length = 0;

  update(bytes) {
    this.#length += bytes.length;
    const joined = this.#rest.length ? concatenated(this.#rest, bytes) : bytes;
    const whole = joined.length - (joined.length % BLOCK);
    const view = new DataView(joined.buffer, joined.byteOffset, joined.length);
    for (let at = 0; at < whole; at += BLOCK) this.#block(view, at);
    this.#rest = joined.slice(whole);
  }

  end() {
    const [bits, used] = [this.#length * 8, this.#rest.length + 1];
    const padding = new Uint8Array(1 + ((BLOCK * 2 - 8 - used) % BLOCK) + 8);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  #block(view, at) {
    const words = this.#words;
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4);
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15];
      const y = words[i - 2];
      const s0 = turned(x, 7) ^ turned(x, 18) ^ (x >>> 3);
      const s1 = turned(y, 17) ^ turned(y, 19) ^ (y >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = this.#state;
    for (let i = 0; i < 64; i++) {
      const one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i];
      const two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + one) | 0;
      d = c;
      c = b;
      b = a;
      a = (one + two) | 0;
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (this.#state[i] += word));
  }
}

const turned = (word, by) => (word >>> by) | (word << (32 - by));

function concatenated(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

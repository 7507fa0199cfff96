// Recordings in the browser: how long they are, which of them were dropped, and the microphone.

import { Failure } from "./failures.js";

const METADATA_SECONDS = 5;
const BITS_PER_SECOND = 64_000;
// In the order of preference; Safari has MP4 only.
const FORMATS = { "audio/webm;codecs=opus": "webm", "audio/ogg;codecs=opus": "ogg", "audio/mp4": "m4a" };

/** The length of a recording in seconds; null if the browser cannot tell, as of a telephone's formats. */
export function duration(file) {
  const probe = document.createElement("audio");
  const address = URL.createObjectURL(file);
  return new Promise((resolve) => {
    probe.preload = "metadata";
    probe.addEventListener("loadedmetadata", () => resolve(Number.isFinite(probe.duration) ? probe.duration : null));
    probe.addEventListener("error", () => resolve(null));
    setTimeout(() => resolve(null), METADATA_SECONDS * 1000);
    probe.src = address;
  }).finally(() => {
    probe.removeAttribute("src");
    URL.revokeObjectURL(address);
  });
}

/** The files among dropped things; `folders` is how many of them were folders, which have no content of their own. */
export function dropped(transfer) {
  const items = Array.from(transfer.items ?? []).filter((item) => item.kind === "file");
  const folders = items.filter((item) => item.webkitGetAsEntry?.()?.isDirectory);
  const files = items.filter((item) => !folders.includes(item)).map((item) => item.getAsFile());
  return { files: files.filter(Boolean), folders: folders.length };
}

/** A recording from the microphone, under way until `ended` resolves, as it also does when the microphone is unplugged. */
export class Take {
  #recorder;
  #stream;
  #parts = [];
  #began = performance.now();

  /** Ask for the microphone, and begin. */
  static async begin() {
    if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder) throw new Failure("microphone_unavailable");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch (error) {
      throw new Failure(error.name === "NotFoundError" ? "microphone_missing" : "microphone_refused");
    }
    return new Take(stream);
  }

  constructor(stream) {
    const type = Object.keys(FORMATS).find((format) => MediaRecorder.isTypeSupported(format));
    this.#stream = stream;
    this.#recorder = new MediaRecorder(stream, { mimeType: type, audioBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.addEventListener("dataavailable", (event) => this.#parts.push(event.data));
    this.ended = new Promise((resolve) => this.#recorder.addEventListener("stop", resolve, { once: true }));
    this.#recorder.start(1000);
  }

  get seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  /** End it; the recording as a file with this name. */
  async end(name) {
    await this.discard();
    const type = this.#recorder.mimeType;
    const suffix = Object.entries(FORMATS).find(([format]) => type.startsWith(format.split(";")[0]))?.[1] ?? "webm";
    return new File(this.#parts, `${name}.${suffix}`, { type });
  }

  /** End it without a recording. */
  async discard() {
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    await this.ended;
    for (const track of this.#stream.getTracks()) track.stop();
  }
}

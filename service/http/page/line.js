// The line of recordings: a few at once, each tried again when the service says that it may be.

import { facts } from "./facts.js";
import { Failure } from "./failures.js";
import { followJob, sendJob } from "./jobs.js";
import { duration } from "./media.js";
import { backOnline, pause } from "./pauses.js";
import { transcribe } from "./requests.js";

// The service transcribes several at once anyway; more uploads at once would only slow each other down.
const AT_ONCE = 2;
// Of answers that say when to come again.
const TRIES = 20;
// A network that has just come back may not be whole at once.
const RECOVERIES = 5;
const RECOVERY_MILLISECONDS = 1000;
const NETWORK = new Set(["network", "upload_broken", "cut_off"]);

/** Takes entries, and works on them in turn. */
export class Line {
  #waiting = [];
  #running = 0;

  /** Put an entry at the end of the line; one that was stopped may still be in it. */
  add(entry) {
    this.#waiting = [...this.#waiting.filter((other) => other !== entry), entry];
    this.#next();
  }

  /** How many entries would be lost if the page were left now. */
  get open() {
    return this.#running + this.#waiting.length;
  }

  #next() {
    while (this.#running < AT_ONCE && this.#waiting.length) {
      const entry = this.#waiting.shift();
      if (entry.signal.aborted) continue;
      this.#running += 1;
      work(entry).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }
}

/** Follow a job that was handed over before; it takes no place in the line. */
export const follow = (entry) => guarded(entry, () => followJob(entry), { failed: "unloaded" });

async function work(entry) {
  await guarded(entry, async () => {
    const way = await chosenWay(entry.file);
    return patiently(entry, () => way(entry));
  });
  // A job is followed for hours, and holds nobody up meanwhile.
  if (entry.job && !entry.ended) follow(entry);
}

/** Refuse a file that the service would refuse, before it is sent; choose between an answer at once and a job. */
async function chosenWay(file) {
  if (file.size === 0) throw new Failure("empty_audio");
  const seconds = await duration(file);
  const fits = (limits) => limits && file.size <= limits.bytes && (seconds ?? 0) <= limits.seconds;
  if (fits(facts)) return direct;
  if (fits(facts.jobs)) return sendJob;
  const most = facts.jobs ?? facts;
  if (file.size > most.bytes) throw new Failure("too_large", { values: { size: megabytes(file.size), limit: megabytes(most.bytes) } });
  throw new Failure("too_long", { values: { minutes: Math.ceil(seconds / 60), limit: Math.floor(most.seconds / 60) } });
}

async function direct(entry) {
  entry.change({ state: "uploading", share: 0, failure: null, seconds: null, segments: [] });
  try {
    const transcript = await transcribe(entry.file, {
      language: entry.language,
      signal: entry.signal,
      onUpload: (share) => entry.change(share < 1 ? { share } : { state: "accepted", share: null }),
      onEvent: (event) => {
        if (event.type === "progress") entry.change({ state: "transcribing", share: event.share });
        if (event.type === "segment") entry.hear(event.segment);
      },
    });
    entry.change({ state: outcome(transcript), share: 1, transcript });
  } catch (failure) {
    // Its length was not known before; a job has other limits.
    if (failure.code === "audio_too_long" && facts.jobs) return sendJob(entry);
    throw failure;
  }
  return null;
}

/** The state of a transcript, in the order of the service's own. */
export function outcome(transcript) {
  if (transcript.partial) return "partial";
  return transcript.unheard.length ? "unheard" : "done";
}

/** Do something again for as long as the service says when, and as soon as the network is back. */
async function patiently(entry, something) {
  let recovering = 0;
  for (let tries = 1; ; tries += 1) {
    try {
      return await something();
    } catch (failure) {
      // A call that takes too long takes too long again.
      const later = Number.isFinite(failure.retryAfter) && failure.code !== "deadline";
      if (NETWORK.has(failure.code) && (!navigator.onLine || recovering > 0)) {
        recovering = navigator.onLine ? recovering - 1 : RECOVERIES;
        entry.change({ state: "offline", share: null, failure });
        if (!navigator.onLine) await backOnline(entry.signal);
        await pause(RECOVERY_MILLISECONDS, entry.signal);
      } else if (later && tries < TRIES) {
        await countdown(entry, failure);
      } else throw later ? new Failure("never_taken") : failure;
    }
  }
}

async function countdown(entry, failure) {
  for (let seconds = Math.max(1, failure.retryAfter); seconds > 0; seconds -= 1) {
    entry.change({ state: "postponed", share: null, failure, seconds });
    await pause(1000, entry.signal);
  }
}

/** Do something for an entry; `failed` is its state if that fails. */
async function guarded(entry, something, { failed = "failed" } = {}) {
  try {
    await something();
  } catch (error) {
    const stopped = entry.signal.aborted;
    const known = error instanceof Failure && !stopped;
    if (!known && !stopped) console.error(error);
    const failure = known ? error : new Failure(stopped ? "cancelled" : "unexpected");
    entry.change({ state: stopped ? "stopped" : failed, share: null, seconds: null, failure });
  }
}

const megabytes = (bytes) => Math.ceil(bytes / 1e6);

// Long recordings as jobs: handed over by a link to the bucket, followed by their id, and read by links that end soon.

import { TRANSCRIBED } from "./entries.js";
import { Failure, failureOf } from "./failures.js";
import { pause } from "./pauses.js";
import { ask, read, sent } from "./requests.js";
import { sha256 } from "./sha256.js";

const SOONEST_SECONDS = 3;
const LATEST_SECONDS = 30;
const SLOWER = 1.3;
// The job goes on without the page: whatever is between the two will be back.
const AWAY = new Set(["network", "gateway"]);
// The browser writes it itself.
const OWN_HEADER = "content-length";

/** Hand an entry's recording over. */
export async function sendJob(entry) {
  entry.change({ state: "preparing", share: 0, failure: null, seconds: null });
  const { file, signal } = entry;
  const digest = await sha256(file, { signal, onProgress: (share) => entry.change({ share }) });
  const job = await ask("jobs", { method: "POST", body: { sha256: digest, size: file.size }, signal });
  entry.change({ job: job.id });
  if (job.upload) await upload(entry, job.upload);
}

async function upload(entry, { method, url, headers }) {
  entry.change({ state: "uploading", share: 0 });
  const shown = Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== OWN_HEADER));
  try {
    await sent(url, { method, headers: shown, body: entry.file, signal: entry.signal, onUpload: (share) => entry.change({ share }) });
  } catch (failure) {
    // S3 takes a recording once: it is there already.
    if (failure.status !== 412) throw failure.status === 403 ? new Failure("upload_link_expired") : failure;
  }
}

/** Ask for the state of a job until it has ended, ever more rarely. */
export async function followJob(entry) {
  for (let seconds = SOONEST_SECONDS; ; seconds = Math.min(LATEST_SECONDS, seconds * SLOWER)) {
    const job = await look(entry);
    if (TRANSCRIBED.has(job.state)) return finish(entry, job);
    if (job.state === "failed") return entry.change({ state: "failed", share: null, failure: failureOf(job.error), seconds: null });
    if (job.state === "expired") return entry.change({ state: "expired", share: null, failure: new Failure("job_expired") });
    if (job.state === "awaiting_upload") return entry.change({ state: "expired", share: null, failure: new Failure("job_without_upload") });
    const failure = job.state === "late" ? new Failure("job_late") : null;
    entry.change({ state: `job_${job.state}`, share: job.progress ?? null, failure, seconds: null });
    await pause(seconds * 1000, entry.signal);
  }
}

/** The job as it is now. */
async function look(entry) {
  try {
    return await insistently(entry, () => ask(`jobs/${entry.job}`, { signal: entry.signal }));
  } catch (failure) {
    throw failure.code === "job_not_found" ? new Failure("job_gone") : failure;
  }
}

/** Read something, however long the network or the service is away. */
async function insistently(entry, something) {
  for (;;) {
    try {
      return await something();
    } catch (failure) {
      if (!AWAY.has(failure.code) && !Number.isFinite(failure.retryAfter)) throw failure;
      entry.change({ state: "away", share: null, failure, seconds: null });
      await pause(Math.max(SOONEST_SECONDS, failure.retryAfter ?? 0) * 1000, entry.signal);
    }
  }
}

/** Read the transcript. Its link may have ended while the computer slept: then a new one is asked for, once. */
async function finish(entry, job) {
  const result = ({ results }) => insistently(entry, () => read(results.json, { signal: entry.signal }));
  let document;
  try {
    document = await result(job);
  } catch (failure) {
    if (failure.code !== "link_expired") throw failure;
    document = await result(await look(entry));
  }
  const transcript = { ...document.transcript, provenance: document.provenance };
  entry.change({ state: job.state, share: 1, failure: null, transcript });
}

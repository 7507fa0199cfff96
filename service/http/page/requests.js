// Requests to the service: with the tab's key, and with a failure in words whatever goes wrong.

import { Failure, failureIn, failureOf } from "./failures.js";
import { keyHeaders, renewKey } from "./keys.js";

const TRANSCRIBE = "transcribe";

/** Send a request; the JSON of its answer, or null without any. Asks for a key if the service wants one. */
export async function ask(path, { method = "GET", body, signal } = {}) {
  for (;;) {
    const headers = keyHeaders();
    const response = await fetched(path, { method, headers, body: body && JSON.stringify(body), signal });
    if (response.status === 401 && (await renewKey(headers))) continue;
    if (!response.ok) throw failureIn(response.status, await response.text(), response.headers.get("retry-after"));
    return response.status === 204 ? null : response.json();
  }
}

/** Read a result by its link, which is signed: it takes no key. */
export async function read(link, { signal }) {
  const response = await fetched(link, { signal });
  if (!response.ok) throw new Failure("link_expired", { status: response.status });
  return response.json();
}

async function fetched(address, options) {
  try {
    return await fetch(address, { ...options, credentials: "omit", cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? new Failure("cancelled") : new Failure("network");
  }
}

/**
 * Send a recording, and follow its transcription.
 *
 * `onUpload(share)` follows the bytes, `onEvent(event)` the events of docs/http.md. Resolves to the transcript with its provenance.
 */
export async function transcribe(file, { language, signal, onUpload, onEvent }) {
  // A wrong key and a service that is stopping are found before a large file is on its way.
  await ask("v1/models", { signal });
  const form = new FormData();
  form.append("words", "true");
  form.append("stream", "true");
  if (language) form.append("language", language);
  form.append("audio_file", file, file.name);
  let transcript = null;
  const stream = new EventReader((event) => {
    if (event.error) throw failureOf(event.error);
    if (event.type === "transcript") transcript = { ...event.transcript, provenance: event.provenance };
    else onEvent(event);
  });
  await sent(TRANSCRIBE, { method: "POST", headers: keyHeaders(), body: form, signal, onUpload, onText: (part) => stream.read(part) });
  if (!transcript) throw new Failure("cut_off");
  return transcript;
}

/** Send a body with progress, which `fetch` does not tell. `onText(text)` gets the answer as it comes, if it is one of success. */
export function sent(address, { method, headers = {}, body, signal, onUpload, onText = () => {} }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let uploaded = false;
    let seen = 0;
    const part = () => {
      if (request.status !== 200) return;
      try {
        onText(request.responseText.slice(seen));
      } catch (failure) {
        reject(failure);
        request.abort();
      }
      seen = request.responseText.length;
    };
    const abort = () => request.abort();
    request.open(method, address);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => event.lengthComputable && onUpload(event.loaded / event.total));
    request.upload.addEventListener("load", () => {
      uploaded = true;
      onUpload(1);
    });
    request.addEventListener("progress", part);
    request.addEventListener("load", () => {
      part();
      if (request.status === 200) return resolve();
      return reject(failureIn(request.status, request.responseText, request.getResponseHeader("retry-after")));
    });
    request.addEventListener("error", () => reject(new Failure(uploaded ? "cut_off" : "upload_broken")));
    request.addEventListener("abort", () => reject(new Failure("cancelled")));
    request.addEventListener("loadend", () => signal?.removeEventListener("abort", abort));
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) return reject(new Failure("cancelled"));
    return request.send(body);
  });
}

/** Reads server-sent events from text that comes in parts. */
class EventReader {
  #rest = "";

  constructor(onEvent) {
    this.onEvent = onEvent;
  }

  read(part) {
    const events = (this.#rest + part).split("\n\n");
    this.#rest = events.pop();
    for (const event of events) if (event.startsWith("data: ")) this.onEvent(JSON.parse(event.slice(6)));
  }
}

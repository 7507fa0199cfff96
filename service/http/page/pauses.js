// Pauses that end early, as a failure, if whatever waits is stopped.

import { Failure } from "./failures.js";

/** Resolves after some milliseconds. */
export const pause = (milliseconds, signal) => until(signal, (resolve) => setTimeout(resolve, milliseconds));

/** Resolves as soon as the browser has a network again. */
export const backOnline = (signal) =>
  until(signal, (resolve) => window.addEventListener("online", resolve, { once: true }));

function until(signal, begin) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(new Failure("cancelled"));
    signal.addEventListener("abort", () => reject(new Failure("cancelled")), { once: true });
    begin(resolve);
  });
}

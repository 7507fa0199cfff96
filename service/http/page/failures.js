// Why something did not work, and the sentence that says what to do about it.

import { has, text } from "./texts.js";

/** A failure by its code; `message` is the service's own sentence, `retryAfter` in seconds if the same works later. */
export class Failure extends Error {
  constructor(code, { status = 0, message = "", retryAfter = null, values = {} } = {}) {
    super(message || code);
    Object.assign(this, { code, status, retryAfter, values, told: message });
  }

  /** The sentence for a person. */
  get sentence() {
    const key = `error.${this.code}`;
    if (has(key)) return text(key, this.values);
    return this.told ? text("error.told", { message: this.told }) : text("error.unexpected");
  }
}

/** The failure that an error in the service's JSON means. */
export const failureOf = ({ code, message, expected }, more = {}) =>
  new Failure(code, { message, values: { expected: expected ?? "" }, ...more });

/** The failure in an answer of the service, whose body is text. */
export function failureIn(status, body, retryAfter) {
  let error = null;
  try {
    error = JSON.parse(body).error;
  } catch {
    // A gateway's answer is no JSON.
  }
  const seconds = Number.parseInt(retryAfter, 10);
  const code = error?.code ?? (status >= 500 ? "gateway" : "unexpected");
  return failureOf({ ...error, code }, { status, retryAfter: Number.isFinite(seconds) ? seconds : null });
}

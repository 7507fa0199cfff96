// Times and lengths as people read them.

import { number, text } from "../texts.js";

const two = (value) => String(value).padStart(2, "0");

/** A position: `0:07`, or `1:02:07` in a call of an hour or more. */
export function position(seconds) {
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** A length: `4.2 s` if it is short, otherwise as a position. */
export function length(seconds) {
  if (seconds >= 60) return position(seconds);
  const digits = seconds < 10 ? 1 : 0;
  return text("call.seconds", { seconds: number(seconds, { maximumFractionDigits: digits }) });
}

/** A share between 0 and 1, in percent. */
export const percent = (share) => number(share, { style: "percent", maximumFractionDigits: 0 });

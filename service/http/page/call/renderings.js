// The call as files: the transcript's JSON, subtitles and text.

import { cues } from "./cues.js";

const ARROW = "-->";

/** For each format its media type and rendering; `name(channel)` is the speaker's name, empty if there is only one. */
export const RENDERINGS = {
  json: { type: "application/json", render: (call) => `${JSON.stringify(call.json, null, 2)}\n` },
  vtt: { type: "text/vtt", render: vtt },
  srt: { type: "application/x-subrip", render: srt },
  txt: { type: "text/plain", render: plain },
};

/** A line for each segment, with its speaker. */
export function plain(call, name) {
  return call.segments.map(({ channel, text }) => (name(channel) ? `${name(channel)}: ${text}` : text)).join("\n");
}

export function vtt(call, name) {
  const shown = cues(call, name).map(({ channel, start, end, lines }) => {
    const payload = escaped(lines.join("\n"));
    const voice = name(channel) ? `<v ${escaped(name(channel))}>` : "";
    return `${timestamp(start, ".")} ${ARROW} ${timestamp(end, ".")}\n${voice}${payload}\n`;
  });
  return ["WEBVTT\n", ...shown].join("\n");
}

/** The format has no markup and no escapes: the speaker's name begins each cue, and an arrow in the text becomes another. */
export function srt(call, name) {
  const shown = cues(call, name).map(({ channel, start, end, lines }, index) => {
    const speaker = name(channel) ? `${name(channel)}: ` : "";
    const payload = lines.join("\n").replaceAll(ARROW, "→");
    return `${index + 1}\n${timestamp(start, ",")} ${ARROW} ${timestamp(end, ",")}\n${speaker}${payload}\n`;
  });
  return shown.join("\n");
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function timestamp(seconds, mark) {
  const whole = Math.round(seconds * 1000);
  const parts = [whole / 3_600_000, (whole / 60_000) % 60, (whole / 1000) % 60].map(Math.floor);
  const written = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return `${written}${mark}${String(whole % 1000).padStart(3, "0")}`;
}

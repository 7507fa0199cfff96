// The pixels of the timeline's visible part.

import { position } from "./clock.js";

const TOP = 6;
const MARKS = 12;
const RULER = 20;
const NARROW = 480;
const BAR = 2;
const PITCH = 3;
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const TICK_PIXELS = 72;

/** The heights of a timeline: of each lane, and of it all. */
export function heights(lanes, width) {
  const lane = width < NARROW ? 28 : 40;
  return { lane, all: TOP + lanes * lane + MARKS + RULER };
}

/** Draw `canvas.width` pixels of a call from the second `from`, at `scale` CSS pixels a second and `lane` pixels a lane. */
export function drawLanes(canvas, { call, figures, tracks, hits, hit, from, scale, lane: height }) {
  const pen = canvas.getContext("2d");
  const ratio = devicePixelRatio || 1;
  const width = canvas.width / ratio;
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, canvas.height / ratio);
  const bottom = TOP + call.lanes.length * height;
  const view = { pen, call, width, from, scale, height, bottom, until: from + width / scale, colour, font: style.fontFamily };
  drawMissing(view);
  call.lanes.forEach((channel, lane) => {
    const middle = TOP + (lane + 0.5) * height;
    pen.fillStyle = colour("line");
    pen.fillRect(0, middle - 0.5, width, 1);
    pen.fillStyle = colour(lane % 2 ? "customer" : "agent");
    if (tracks[channel]) drawWave(view, tracks[channel], middle);
    else drawTalk(view, channel, middle);
  });
  drawMarks(view, figures);
  drawHits(view, hits, hit);
  drawRuler(view);
}

/** Bars at fixed places of the call, not of the screen, so that they do not flicker when it scrolls. */
function drawWave({ pen, width, from, scale, height }, track, middle) {
  const first = Math.floor((from * scale) / PITCH);
  for (let bar = first; bar * PITCH <= from * scale + width; bar += 1) {
    const peak = track.between((bar * PITCH) / scale, ((bar + 1) * PITCH) / scale);
    const high = Math.max(1, (peak / track.highest) * (height - 6));
    pen.fillRect(bar * PITCH - from * scale, middle - high / 2, BAR, high);
  }
}

/** Without a recording: a block for each stretch of speech. */
function drawTalk(view, channel, middle) {
  for (const { start, end } of visible(view, view.call.segments.filter((segment) => segment.channel === channel))) {
    block(view, start, end, middle - 6, 12);
  }
}

function drawMissing(view) {
  const { pen, call, colour, bottom } = view;
  const height = bottom + MARKS;
  for (const { start, end } of visible(view, call.gaps)) {
    pen.save();
    const [left, wide] = extent(view, start, end);
    pen.beginPath();
    pen.rect(left, 0, wide, height);
    pen.fillStyle = colour("warn-soft");
    pen.fill();
    pen.clip();
    pen.strokeStyle = colour("warn");
    pen.beginPath();
    for (let x = left - height; x < left + wide; x += 6) {
      pen.moveTo(x, height);
      pen.lineTo(x + height, 0);
    }
    pen.stroke();
    pen.restore();
  }
}

/** Silence is a thin line, talk at once a block, sound without words an outline. */
function drawMarks(view, figures) {
  const { pen, call, colour, height, bottom } = view;
  const top = bottom + 2;
  pen.fillStyle = colour("quiet");
  for (const { start, end } of visible(view, figures.silences)) block(view, start, end, top + 3, 2);
  pen.fillStyle = colour("accent");
  for (const { start, end } of visible(view, figures.overlaps)) block(view, start, end, top, 8);
  pen.strokeStyle = colour("warn");
  for (const { channel, start, end } of visible(view, call.unheard)) {
    const [left, wide] = extent(view, start, end);
    pen.strokeRect(left + 0.5, TOP + call.lane(channel) * height + 2.5, Math.max(2, wide - 1), height - 5);
  }
}

/** A hit is a line through its lane with a head; the current one has a larger head. */
function drawHits(view, hits, current) {
  const { pen, call, from, scale, height, colour } = view;
  pen.fillStyle = colour("ink");
  for (const hit of visible(view, hits)) {
    const x = (hit.start - from) * scale;
    const top = TOP + call.lane(hit.channel) * height;
    const size = hit === current ? 5 : 3;
    pen.fillRect(x - 0.75, top, 1.5, height - 2);
    pen.beginPath();
    pen.moveTo(x - size, top - size + 1);
    pen.lineTo(x + size, top - size + 1);
    pen.lineTo(x, top + size + 1);
    pen.fill();
  }
}

function drawRuler({ pen, call, width, from, scale, until, bottom, colour, font }) {
  const step = TICKS.find((seconds) => seconds * scale >= TICK_PIXELS) ?? TICKS.at(-1);
  pen.fillStyle = colour("quiet");
  pen.font = `12px ${font}`;
  pen.textBaseline = "bottom";
  for (let at = Math.floor(from / step) * step; at <= Math.min(until, call.duration); at += step) {
    const x = (at - from) * scale;
    const label = position(at);
    const wide = pen.measureText(label).width;
    pen.fillRect(x, bottom + MARKS, 1, 4);
    if (x + wide + 5 < width) pen.fillText(label, x + 4, bottom + MARKS + RULER - 2);
  }
}

const visible = ({ from, until }, spans) => spans.filter(({ start, end }) => start <= until && end >= from);
const extent = ({ from, scale }, start, end) => [(start - from) * scale, (end - start) * scale];

function block(view, start, end, top, height) {
  const [left, wide] = extent(view, start, end);
  view.pen.fillRect(left, top, Math.max(1.5, wide), height);
}

// The browser's own decoder, at the rate of a telephone: enough to see who speaks, at a sixth of the memory.

export const RATE = 8000;

/** The samples of a whole file, or of a part that a decoder can begin with. */
export const decode = (bytes) => new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);

/** Give decoded samples to a meter as exactly `frames` frames; silence fills up, a surplus is cut. */
export function feed(meter, decoded, frames) {
  const channels = meter.tracks.map((_, channel) => decoded.getChannelData(Math.min(channel, decoded.numberOfChannels - 1)));
  meter.add(frames, (frame, channel) => (frame < decoded.length ? Math.abs(channels[channel][frame]) * 32768 : 0));
}

"""The formats that the service reads: containers, codecs, channels and sample rates.

The lists bound what FFmpeg may do with a stranger's file. `service.errors.audio` names the same formats to callers.
"""

from service.errors import BadChannels, BadSampleRate

MAX_CHANNELS = 8
MIN_SOURCE_RATE, MAX_SOURCE_RATE = 4_000, 192_000

# FFmpeg's demuxers that open nothing but the file itself.
DEMUXERS = frozenset(
    "wav w64 aiff au caf mp3 flac ogg mov mp4 m4a 3gp matroska webm aac amr".split()  # noqa: SIM905 - a list to read
)

# FFmpeg's decoders, by family.
DECODERS = frozenset(
    (
        # PCM
        *("pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
        *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
        # µ-law and A-law, as telephone networks carry speech
        *("pcm_mulaw", "pcm_alaw"),
        # ADPCM and the speech codecs of telephone systems
        *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_yamaha", "g722", "g726", "g723_1", "gsm", "gsm_ms"),
        *("amrnb", "amrwb", "speex"),
        # Music and web codecs
        *("mp2", "mp2float", "mp3", "mp3float", "aac", "alac", "flac", "opus", "vorbis"),
    )
)

# The first bytes of playlists and session descriptions, which refer a player to other addresses.
PLAYLIST_SIGNATURES = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"v=0", b"<?xml", b"<MPD", b"<smil", b"<asx")


def is_playlist(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a playlist or a session description."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(PLAYLIST_SIGNATURES)


def check_layout(*, channels: int, sample_rate: int) -> None:
    """Refuse a number of channels or a sample rate that is out of range.

    Raises:
        BadChannels, BadSampleRate
    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise BadChannels(channels=channels, limit=MAX_CHANNELS)
    if not MIN_SOURCE_RATE <= sample_rate <= MAX_SOURCE_RATE:
        raise BadSampleRate(rate=sample_rate, lowest=MIN_SOURCE_RATE, highest=MAX_SOURCE_RATE)

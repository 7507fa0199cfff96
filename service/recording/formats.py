"""The formats that the service reads: containers, codecs, channels and sample rates.

The lists bound what FFmpeg may do with a stranger's file. `service.errors.audio` names the same formats to callers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from service.errors import BadChannels, BadSampleRate

MAX_CHANNELS = 8
MIN_SOURCE_RATE, MAX_SOURCE_RATE = 4_000, 192_000

# FFmpeg's demuxers that open nothing but the file itself.
DEMUXERS = frozenset(
    "wav w64 aiff au caf mp3 flac ogg mov mp4 m4a 3gp matroska webm aac amr asf".split()  # noqa: SIM905 - a list to read
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
        *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_ima_oki", "adpcm_yamaha", "g722", "g726", "g726le"),
        *("g723_1", "g729", "gsm", "gsm_ms", "amrnb", "amrwb", "speex", "truespeech"),
        # Music and web codecs
        *("mp2", "mp2float", "mp3", "mp3float", "aac", "alac", "flac", "opus", "vorbis"),
        *("wmav1", "wmav2", "wmapro", "wmavoice", "wmalossless"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headerless:
    """A format of files that begin with samples: one channel, at a rate that nothing in the file states.

    Attributes:
        demuxer: FFmpeg's, with its options.
        wav_tag: if FFmpeg has no demuxer: the number by which a WAV header names the codec.
    """

    demuxer: str = "wav"
    options: Mapping[str, str] = field(default_factory=dict)
    wav_tag: int = 0


def _at(rate: int, demuxer: str, **options: str) -> Headerless:
    return Headerless(demuxer=demuxer, options={"sample_rate": str(rate), **options})


# By the suffixes of telephone systems; those of Asterisk first.
HEADERLESS: Mapping[str, Headerless] = {
    **dict.fromkeys(("ulaw", "ul", "mu", "ulw", "mulaw"), _at(8000, "mulaw")),
    **dict.fromkeys(("alaw", "al", "alw"), _at(8000, "alaw")),
    "sln": _at(8000, "s16le"),
    **{f"sln{kilohertz}": _at(kilohertz * 1000, "s16le") for kilohertz in (8, 12, 16, 24, 32, 48, 96, 192)},
    "sln44": _at(44_100, "s16le"),
    "gsm": Headerless(demuxer="gsm"),
    "g722": Headerless(demuxer="g722"),
    # The number is kbit/s, of 2 to 5 bits a sample. Asterisk and RTP begin with the lowest bits of a byte, others with
    # the highest.
    **{f"g726-{8 * bits}": _at(8000, "g726le", code_size=str(bits)) for bits in (2, 3, 4, 5)},
    "g726": _at(8000, "g726", code_size="4"),
    "g729": Headerless(demuxer="g729"),
    **dict.fromkeys(("g723", "g723sf"), Headerless(demuxer="g723_1")),
    # Dialogic ADPCM
    "vox": Headerless(wav_tag=0x10),
}


def headerless(name: str, head: bytes) -> Headerless | None:
    """The format that the suffix of a file's name stands for; None for any other suffix, and if the file is text."""
    return None if _is_text(head) else HEADERLESS.get(PurePath(name).suffix.lower().removeprefix("."))


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # more than a character that is cut
            return False
        text = head[: error.start].decode()
    # A-law's silence reads as one letter, over and over.
    return len(set(text)) > 8 and all(character.isprintable() or character.isspace() for character in text)


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

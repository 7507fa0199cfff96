"""Recordings that cannot be decoded."""

from service.errors.tree import TooLarge, UnsupportedAudio, UnusableAudio

# The field of these errors. A face that knows the recording by another name puts that in its place.
RECORDING = "file"
# For people; `service.recording.formats` holds FFmpeg's names of the same formats.
_READABLE = (
    "a recording as WAV, MP3, FLAC, OGG, Opus, M4A, MP4, WebM, AAC, AMR, AIFF, AU, CAF or WMA, or one without a header"
    " whose name ends in its format, such as .ulaw, .sln or .g722"
)


class UnsupportedFormat(UnsupportedAudio):
    """The file is in a container that the service does not read."""

    code = "unsupported_format"
    message = "this format is not opened"
    field = RECORDING
    value = "{size} bytes"
    expected = _READABLE
    size: int


class UnsupportedPlaylist(UnsupportedAudio):
    """The file is a playlist or a session description, which refers a player to other addresses."""

    code = "unsupported_format"
    message = "a list of other sources is not opened"
    field = RECORDING
    value = "a playlist or session description"
    expected = _READABLE


class UnsupportedCodec(UnsupportedAudio):
    """The file's audio is encoded with a codec that the service does not decode."""

    code = "unsupported_format"
    message = "this codec is not opened"
    field = RECORDING
    value = "{codec}"
    expected = _READABLE
    codec: str


class NotAudio(UnsupportedAudio):
    """FFmpeg finds no audio in the file."""

    code = "bad_audio"
    message = "no audio can be read from it"
    field = RECORDING
    value = "{size} bytes"
    expected = _READABLE
    size: int


class DamagedThroughout(UnsupportedAudio):
    """FFmpeg met too many errors in the container to find its way through the file."""

    code = "bad_audio"
    message = "the file is damaged all over"
    field = RECORDING
    value = "{errors} errors"
    expected = _READABLE
    errors: int


class EmptyFile(UnusableAudio):
    """The file has no bytes."""

    code = "empty_audio"
    message = "the file is empty"
    field = RECORDING
    value = "0 bytes"
    expected = _READABLE


class EmptyRecording(UnusableAudio):
    """The file is a container without a packet of audio."""

    code = "empty_audio"
    message = "the recording is empty"
    field = RECORDING
    value = "0 s of audio"
    expected = _READABLE


class NoAudioTrack(UnusableAudio):
    """The file has tracks, but none of them is audio."""

    code = "no_audio"
    message = "the file has no sound"
    field = RECORDING
    value = "{tracks} tracks, none of them audio"
    expected = "one audio track"
    tracks: int


class SeveralAudioTracks(UnusableAudio):
    """The file has more than one audio track; to choose one could lose a speaker."""

    code = "several_tracks"
    message = "the file has several audio tracks"
    field = RECORDING
    value = "{tracks} audio tracks"
    expected = "one audio track, with a channel per speaker"
    tracks: int


class BadChannels(UnusableAudio):
    """The number of channels is out of range."""

    code = "bad_channels"
    message = "the number of channels is out of range"
    field = RECORDING
    value = "{channels} channels"
    expected = "1 to {limit} channels"
    channels: int
    limit: int


class BadSampleRate(UnusableAudio):
    """The sample rate is out of range."""

    code = "bad_sample_rate"
    message = "the sample rate is out of range"
    field = RECORDING
    value = "{rate} Hz"
    expected = "{lowest} to {highest} Hz"
    rate: int
    lowest: int
    highest: int


class AudioTooLong(TooLarge):
    """The recording lasts longer than the service accepts."""

    code = "audio_too_long"
    message = "the recording is too long"
    field = RECORDING
    value = "{seconds:.0f} s or more"
    expected = "at most {limit} s"
    seconds: float
    limit: float


class TooLongToAnswer(AudioTooLong):
    """The recording lasts longer than a caller over HTTP can wait for."""

    expected = "at most {limit} s over HTTP; hand a longer recording over as a job (POST /jobs)"


class DecoderTimeout(UnusableAudio):
    """The decoder did not finish in time."""

    code = "decoder_timeout"
    message = "the recording keeps the decoder busy for too long"
    field = RECORDING
    value = "more than {limit} s"
    expected = "a recording that decodes within {limit} s"
    limit: int


class DecoderFailed(UnusableAudio):
    """The decoder's process ended without an answer."""

    code = "decoder_failed"
    message = "the recording breaks the decoder"
    field = RECORDING
    value = "exit code {exit_code}"
    expected = "a recording that FFmpeg can read"
    exit_code: int | None


class DecoderMemory(UnusableAudio):
    """The decoder reached its memory limit."""

    code = "decoder_memory"
    message = "the recording makes the decoder take too much memory"
    field = RECORDING
    value = "more than {limit} bytes"
    expected = "a recording that decodes within {limit} bytes"
    limit: int

"""The error tree, split by what the caller does about an error.

    ServiceError
    ├── RequestError            change the request, then call again
    │   ├── InvalidField        400  a field is missing, unknown or has a wrong value
    │   ├── TooLarge            413  more bytes or more seconds than accepted
    │   ├── UnsupportedAudio    415  not audio, or a format that the service does not read
    │   └── UnusableAudio       422  audio without anything to transcribe, or that breaks the decoder
    ├── RetryLater              503  the same request works later: starting, full, draining
    └── ModelError              the service cannot start: no such model, damaged model

Each error is a class of its own below these, with its code and its wording. `http` maps the tree once to responses; the
command line maps it once to exit code 2.
"""

from service.errors.audio import (
    AudioTooLong,
    BadChannels,
    BadSampleRate,
    DamagedThroughout,
    DecoderFailed,
    DecoderMemory,
    DecoderTimeout,
    EmptyFile,
    EmptyRecording,
    NoAudioTrack,
    NotAudio,
    SeveralAudioTracks,
    UnsupportedCodec,
    UnsupportedFormat,
    UnsupportedPlaylist,
)
from service.errors.faults import AwsDenied, AwsUnavailable, Busy, DeadlineExceeded, DiskFull, Draining
from service.errors.models import (
    BadModelUrl,
    LockMismatch,
    ModelBucketUnreachable,
    ModelDamaged,
    ModelIncomplete,
    ModelLacksLanguage,
    ModelMismatch,
    ModelNotLocked,
    ModelUnavailable,
    NoImageModelFromS3,
    NoModelFromS3,
    NothingAtModelUrl,
    UnknownModel,
)
from service.errors.requests import (
    BadForm,
    BadGateData,
    DuplicateOutput,
    InvalidApiKey,
    InvalidFlag,
    MissingFile,
    NoDeadLetters,
    OutputNotWritable,
    QueryParameter,
    RecordingMissing,
    RecordingTooLarge,
    RepeatedField,
    UnknownField,
    UnknownLanguage,
    UnsupportedEncoding,
    UploadTooLarge,
)
from service.errors.tree import (
    InvalidField,
    ModelError,
    RequestError,
    RetryLater,
    ServiceError,
    TooLarge,
    UnsupportedAudio,
    UnusableAudio,
)

__all__ = [
    "AudioTooLong",
    "AwsDenied",
    "AwsUnavailable",
    "BadChannels",
    "BadForm",
    "BadGateData",
    "BadModelUrl",
    "BadSampleRate",
    "Busy",
    "DamagedThroughout",
    "DeadlineExceeded",
    "DecoderFailed",
    "DecoderMemory",
    "DecoderTimeout",
    "DiskFull",
    "Draining",
    "DuplicateOutput",
    "EmptyFile",
    "EmptyRecording",
    "InvalidApiKey",
    "InvalidField",
    "InvalidFlag",
    "LockMismatch",
    "MissingFile",
    "ModelBucketUnreachable",
    "ModelDamaged",
    "ModelError",
    "ModelIncomplete",
    "ModelLacksLanguage",
    "ModelMismatch",
    "ModelNotLocked",
    "ModelUnavailable",
    "NoAudioTrack",
    "NoDeadLetters",
    "NoImageModelFromS3",
    "NoModelFromS3",
    "NotAudio",
    "NothingAtModelUrl",
    "OutputNotWritable",
    "QueryParameter",
    "RecordingMissing",
    "RecordingTooLarge",
    "RepeatedField",
    "RequestError",
    "RetryLater",
    "ServiceError",
    "SeveralAudioTracks",
    "TooLarge",
    "UnknownField",
    "UnknownLanguage",
    "UnknownModel",
    "UnsupportedAudio",
    "UnsupportedCodec",
    "UnsupportedEncoding",
    "UnsupportedFormat",
    "UnsupportedPlaylist",
    "UnusableAudio",
    "UploadTooLarge",
]

"""Models with which the service cannot start, and weights that an image cannot bring."""

from collections.abc import Sequence

from service.errors.codes import codes
from service.errors.tree import ModelError

_S3_MODEL = "s3://BUCKET/PREFIX with a model's files, readable for this task"


class UnknownModel(ModelError):
    """The model's name is neither a folder nor known to the model hub."""

    code = "unknown_model"
    message = "no such model"
    field = "WHISPER_MODEL"
    value = "{model}"
    expected = "a folder with {files}, or one of {known}"
    model: str
    files: Sequence[str]
    known: Sequence[str]


class BadModelUrl(ModelError):
    """The model's URL lacks a bucket or a prefix."""

    code = "unknown_model"
    message = "the URL names no bucket or no prefix"
    field = "WHISPER_MODEL"
    value = "{url}"
    expected = _S3_MODEL
    url: str


class NothingAtModelUrl(ModelError):
    """The bucket has no objects under the model's prefix."""

    code = "unknown_model"
    message = "nothing is there"
    field = "WHISPER_MODEL"
    value = "{url}"
    expected = _S3_MODEL
    url: str


class ModelBucketUnreachable(ModelError):
    """S3 does not serve the model's files to this task."""

    code = "model_unreachable"
    message = "the model cannot be downloaded"
    field = "WHISPER_MODEL"
    value = "{url}"
    expected = _S3_MODEL
    url: str


class ModelUnavailable(ModelError):
    """No source serves the model's files; the message says why for each."""

    code = "model_unreachable"
    message = "no source serves the model ({refusals})"
    field = "WHISPER_MODEL"
    value = "{model}"
    expected = "a model in a folder, the cache, the model hub, the mirror or the package registry"
    model: str
    refusals: str


class NoModelFromS3(ModelError):
    """The verb has no access to S3."""

    code = "model_elsewhere"
    message = "a model in S3 cannot be had here"
    field = "WHISPER_MODEL"
    value = "{url}"
    expected = "a folder with {files}, or a name"
    url: str
    files: Sequence[str]


class ModelIncomplete(ModelError):
    """The model's folder lacks files."""

    code = "model_incomplete"
    message = "the folder lacks {absent}"
    field = "WHISPER_MODEL"
    value = "{model}"
    expected = "a folder with {files}"
    model: str
    absent: Sequence[str]
    files: Sequence[str]


class ModelDamaged(ModelError):
    """The model's files are there but cannot be loaded."""

    code = "model_damaged"
    message = "the model cannot be loaded"
    field = "WHISPER_MODEL"
    value = "{model}"
    expected = "undamaged model files"
    model: str


class ModelMismatch(ModelError):
    """The model's files have another digest than the settings name."""

    code = "model_mismatch"
    message = "these are other files than expected"
    field = "WHISPER_MODEL_SHA256"
    value = "{actual}"
    expected = "{digest}"
    actual: str
    digest: str


class ModelLacksLanguage(ModelError):
    """The model does not know the language that the settings name."""

    code = "unknown_language"
    message = "the model does not know this language"
    field = "WHISPER_LANGUAGE"
    value = "{language}"
    expected = "{codes}, or a multilingual model"
    language: str
    known: Sequence[str]

    @property
    def codes(self) -> str:
        """The codes that work, in a few words."""
        return codes(self.language, self.known)


class NoImageModelFromS3(ModelError):
    """An image's build does not download from S3."""

    code = "model_elsewhere"
    message = "an image brings no model from S3"
    field = "MODEL"
    value = "{url}"
    expected = "a folder, a name, or nothing"
    url: str


class ModelNotLocked(ModelError):
    """A release may contain only a locked model."""

    code = "model_not_locked"
    message = "a release contains no model that is not locked"
    field = "MODEL"
    value = "{model}"
    expected = "an entry in {lock}, which `python -m service model lock NAME` records"
    model: str
    lock: str


class LockMismatch(ModelError):
    """A folder's files differ from the lock."""

    code = "model_mismatch"
    message = "the files of {model} are not those of {lock}"
    field = "MODEL"
    value = "{difference}"
    expected = "the locked files"
    model: str
    lock: str
    difference: str

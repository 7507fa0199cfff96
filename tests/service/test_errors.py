"""The errors: one class each, with a code that is documented."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service import errors
from service.errors import ServiceError
from service.settings import LANGUAGES

DOCS = Path(__file__).parents[2] / "docs"
CATEGORIES = {
    errors.RequestError,
    errors.InvalidField,
    errors.TooLarge,
    errors.UnsupportedAudio,
    errors.UnusableAudio,
    errors.RetryLater,
    errors.ModelError,
}


def subclasses(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    """Every class below one."""
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


ERRORS = sorted(set(subclasses(ServiceError)) - CATEGORIES, key=lambda error: error.__name__)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_error_has_a_code_and_is_exported(error: type[ServiceError]) -> None:
    """The guard rebuilds an error of its child by the name that the package exports."""
    assert error.code
    assert getattr(errors, error.__name__) is error


@pytest.mark.parametrize("error", [error for error in ERRORS if error.__module__.endswith("audio")], ids=str)
def test_error_of_a_recording_is_documented(error: type[ServiceError]) -> None:
    """Both pages that list refused recordings name its code and its status."""
    for page in ("audio.md", "http.md"):
        lines = (DOCS / page).read_text().splitlines()
        assert any(f"`{error.code}`" in line and str(error.status) in line for line in lines), page


def test_arguments_fill_the_wording() -> None:
    """A sequence is listed with commas."""
    error = errors.UnknownLanguage(language="xx", known=["de", "en"])
    assert str(error) == "language: unknown language (got 'xx'); expected one of de, en; leave it out to detect it"
    assert (error.code, error.status) == ("unknown_language", 400)


@pytest.mark.parametrize(
    ("language", "hint"),
    [("eng", "perhaps en"), ("German", "such as en, fr, de"), ("zh-CN", "perhaps zh"), ("xx", "such as en, fr, de")],
)
def test_unknown_language_is_one_short_line_with_the_nearest_codes(language: str, hint: str) -> None:
    """A hundred codes would bury the mistake; the page has them."""
    told = str(errors.UnknownLanguage(language=language, known=sorted(LANGUAGES)))
    assert f"expected an ISO 639 code that the model knows, {hint} (docs/http.md#languages lists them)" in told
    assert len(told) < 200


def test_braces_in_an_argument_are_not_filled() -> None:
    """A caller's value is no template."""
    assert errors.UnknownField(field="{known}", known=["words"]).field == "{known}"
    assert errors.InvalidFlag(field="words", value="{field}").value == "{field}"


def test_fault_carries_its_own_delay() -> None:
    """The HTTP face and the worker read it from the error."""
    assert (errors.DiskFull(purpose="decode").retry_after_seconds, errors.Draining().retry_after_seconds) == (60, 1)
    assert errors.Busy(retry_after_seconds=7).retry_after_seconds == 7

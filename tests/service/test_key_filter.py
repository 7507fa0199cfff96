"""Which keys are recordings' keys."""

from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.key_filter import KeyFilter
from service.settings import SettingError, Settings

# Few characters, so that keys often begin and end as the filter asks.
PARTS = st.text("ab/.", min_size=1, max_size=4)
LISTS = st.lists(PARTS, max_size=3, unique=True).map(tuple)


@pytest.mark.parametrize(
    ("prefixes", "suffixes", "key", "admitted"),
    [
        ("", "", "anything at all", True),
        ("", ".wav,.WAV", "a.WAV", True),
        ("", ".wav", "a.wav.json", False),
        ("connect/", "", "connect/a.json", True),
        ("connect/", ".wav", "connect/2026/a.wav", True),
        ("connect/", ".wav", "connect/2026/a.json", False),
        ("connect/", ".wav", "Analysis/Voice/a.wav", False),
        ("connect/", ".wav", "connect/.wav", True),
        ("a/,b/", ".wav,.mp3", "b/x.mp3", True),
        ("x.wav", ".wav", "x.wav", False),
        ("", ".wav", "a.wav\n", False),
    ],
)
def test_key_is_admitted_by_beginning_and_end(prefixes: str, suffixes: str, key: str, *, admitted: bool) -> None:
    """Both must fit, without an overlap; an empty list fits every key."""
    settings = Settings(recording_prefixes=prefixes, recording_suffixes=suffixes)
    assert settings.key_filter.admits(key) is admitted


@given(prefixes=LISTS, suffixes=LISTS, key=st.text("ab/.", max_size=10))
def test_patterns_admit_the_same_keys(prefixes: tuple[str, ...], suffixes: tuple[str, ...], key: str) -> None:
    """The rule announces exactly what the service takes for recordings, whatever the lists and the key are."""
    found = KeyFilter(prefixes=prefixes, suffixes=suffixes)
    globs = [
        pattern.get("wildcard") or (f"{pattern['prefix']}*" if "prefix" in pattern else f"*{pattern['suffix']}")
        for pattern in found.patterns
    ] or ["*"]
    assert found.admits(key) == any(fnmatchcase(key, glob) for glob in globs)


@given(excluded=LISTS, key=st.text("ab/.", max_size=10))
def test_excluded_keys_are_announced_elsewhere(excluded: tuple[str, ...], key: str) -> None:
    """The rule leaves out exactly the keys that the service takes for another queue's."""
    found = KeyFilter(excluded=excluded)
    assert found.admits(key) == (not key.startswith(excluded))
    left_out = [pattern["anything-but"]["prefix"] for pattern in found.patterns]
    assert left_out == ([excluded[0] if len(excluded) == 1 else list(excluded)] if excluded else [])
    assert found.reaches(key) == (not key.startswith(excluded))


@given(prefixes=LISTS, suffixes=LISTS, under=PARTS, rest=st.text("ab/.", max_size=8))
def test_folder_with_a_recording_is_reached(
    prefixes: tuple[str, ...], suffixes: tuple[str, ...], under: str, rest: str
) -> None:
    """A folder is called out of reach only if the filter admits no key in it."""
    found = KeyFilter(prefixes=prefixes, suffixes=suffixes)
    assert found.reaches(under) or not found.admits(under + rest)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recording_prefixes", "calls/,calls/2026/"),
        ("recording_prefixes", "a,a"),
        ("recording_prefixes", ",a"),
        ("recording_prefixes", " a"),
        ("recording_prefixes", "cal*"),
        ("recording_suffixes", ".wav,a.wav"),
        ("recording_suffixes", ".wav,"),
        ("recording_suffixes", '".wav"'),
        ("recording_suffixes", "\\.wav"),
        ("recording_suffixes", ".wáv"),
        ("recording_excluded", "backfill/,backfill/2025/"),
    ],
)
def test_pointless_and_ambiguous_entries_are_refused(name: str, value: str) -> None:
    """An entry that another covers is a slip, and wildcards would match themselves."""
    with pytest.raises(SettingError, match=rf"^WHISPER_{name.upper()}: got .*, expected texts of printable ASCII"):
        replace(Settings(), **{name: value})  # type: ignore[arg-type]


def test_filter_that_excludes_everything_is_refused() -> None:
    """No key is as long as this beginning with this end."""
    with pytest.raises(SettingError, match=r"^WHISPER_RECORDING_PREFIXES: got 'ppp.*at most 1024 bytes, as keys$"):
        Settings(recording_prefixes="p" * 1021, recording_suffixes=".wav")
    assert Settings(recording_prefixes="p" * 1020, recording_suffixes=".wav").key_filter.admits("p" * 1020 + ".wav")

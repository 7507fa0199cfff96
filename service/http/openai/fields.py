"""The values of a form in OpenAI's spelling: lists with and without brackets behind their names."""

import math
from collections.abc import Sequence

from starlette.datastructures import FormData

from service.errors import InvalidValue, MissingParameter, RepeatedField, UnknownParameter
from service.settings import SWITCH

RECORDING_FIELD = "file"


class Fields:
    """The values of a form by the names of their fields.

    Args:
        form: with a recording.
        single: the fields with one value.
        lists: the fields with any number of values, whose names may end in `[]`.

    Raises:
        InvalidField: a field is unknown, repeated or a file.
    """

    def __init__(self, form: FormData, *, single: Sequence[str], lists: Sequence[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in form.multi_items():
            plain = name.removesuffix("[]") if name.removesuffix("[]") in lists else name
            if plain not in (RECORDING_FIELD, *single, *lists):
                raise UnknownParameter(field=name, known=(RECORDING_FIELD, *single, *(f"{each}[]" for each in lists)))
            if plain not in lists and len(form.getlist(name)) > 1:
                raise RepeatedField(field=name)
            if isinstance(value, str):
                self._values.setdefault(plain, []).append(value)
            elif plain != RECORDING_FIELD:
                raise InvalidValue(field=name, value="a file", expected="text")

    def every(self, name: str) -> tuple[str, ...]:
        """The values of a list, without empty ones."""
        return tuple(filter(None, self._values.get(name, ())))

    def one(self, name: str) -> str:
        """The value of a field; empty if there is none."""
        return self._values.get(name, [""])[0]

    def needed(self, name: str, *, expected: str) -> str:
        """The value of a field that the request needs."""
        if not self.one(name):
            raise MissingParameter(field=name, expected=expected)
        return self.one(name)

    def flag(self, name: str) -> bool:
        """Whether a field is true."""
        value = self.one(name).lower() or "false"
        if value not in SWITCH:
            raise InvalidValue(field=name, value=self.one(name), expected="true or false")
        return SWITCH[value]

    def choice(self, name: str, *, default: str, among: Sequence[str]) -> str:
        """The value of a field with few values."""
        value = self.one(name) or default
        check_choice(name, value, among)
        return value

    def number(self, name: str, *, low: float, high: float) -> float:
        """The value of a field with a number; 0 if there is none."""
        return read_number(name, self.one(name) or "0", low=low, high=high)


def check_choice(name: str, value: str, among: Sequence[str]) -> None:
    """Raise `InvalidValue` unless a field has one of the values."""
    if value not in among:
        raise InvalidValue(field=name, value=value, expected=f"one of {', '.join(among)}")


def read_number(name: str, text: str, *, low: float, high: float) -> float:
    """A number within limits, both included."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        expected = f"a number from {low:g} to {high:g}" if high < math.inf else f"a number from {low:g}"
        raise InvalidValue(field=name, value=text, expected=expected)
    return value

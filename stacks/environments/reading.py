"""Reads the environments of `values.py`; anything wrong in that file becomes one line that begins with its place."""

import re
import sys

from service.settings import PREFIX, SettingError, WrongValue
from stacks.capacity import InvalidEnvironment
from stacks.environments.checks import nearest
from stacks.environments.environment import Environment
from stacks.environments.places import VALUES, Place, place_of, shown

# How Python words a call with a keyword that does not exist or without one that is needed, and a wrong import.
UNKNOWN = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
MISSING = re.compile(r"(\w+)\.__init__\(\) missing \d+ required keyword-only arguments?: (.+)")
IMPORT = re.compile(r"cannot import name '(\w+)'")


def environments() -> tuple[Environment, ...]:
    """Every environment of the values.

    Raises:
        InvalidEnvironment: place, name, value and expectation of whatever is wrong in them.
    """
    try:
        # Imported here, so that a file with a slip is reported by the calling program, as a wrong value is.
        from stacks.environments.values import environments as written  # noqa: PLC0415

        found = written()
    except WrongValue as error:
        raise _wrong(error, place_of(error)) from None
    except SyntaxError as error:
        line = f"{shown(error.filename or VALUES)}:{error.lineno}"
        raise InvalidEnvironment(line, (error.text or "").strip(), f"Python; {error.msg}") from None
    except Exception as error:
        # Without a place the product itself is at fault: a defect shows its traceback.
        if (place := place_of(error)) is None:
            raise
        raise _slip(error, place) from None
    return _complete(found)


def _complete(found: object) -> tuple[Environment, ...]:
    """What the function of the values has returned, if it is environments."""
    name = f"{VALUES}.environments()"
    if not isinstance(found, tuple) or not all(isinstance(entry, Environment) for entry in found):
        kind = type(found).__name__
        raise InvalidEnvironment(name, kind, "environments in brackets, with a comma after each")
    if not found:
        raise InvalidEnvironment(name, "none", "one environment or more")
    return found


def _wrong(error: WrongValue, place: Place | None) -> WrongValue:
    """A refused value, with its place and named as in the file."""
    name = error.name
    if isinstance(error, SettingError):
        name = f"settings.{name.removeprefix(PREFIX).lower()}"
    if place is None:
        return InvalidEnvironment(f"{shown(VALUES)}: {name}", error.value, error.expected)
    if place.environment and name.partition(".")[0] != place.environment:
        name = f"{place.environment}.{name}"
    return InvalidEnvironment(f"{place.at(name)}: {name}", error.value, error.expected)


def _slip(error: Exception, place: Place) -> InvalidEnvironment:
    """A name that does not exist, a field that is missing, or whatever else Python refuses in the file."""
    text = str(error)
    owner = f"{place.environment}." if place.environment else ""
    if found := UNKNOWN.search(text):
        part, field = found.groups()
        expected = f"a field of {part}{nearest(field, place.fields(part))}"
        return InvalidEnvironment(f"{place.at(field)}: {owner}{part}", field, expected)
    if found := MISSING.search(text):
        part, fields = found[1], found[2].replace("'", "")
        return InvalidEnvironment(f"{place.at()}: {owner}{part}", "nothing", f"{fields}, since it has no default")
    if isinstance(error, ImportError) and (found := IMPORT.search(text)):
        value, among, known = found[1], f"a name of {error.name}", dir(sys.modules.get(error.name or ""))
    elif isinstance(error, AttributeError):
        value, among, known = error.name, f"a name of {_named(error.obj)}", dir(error.obj)
    elif isinstance(error, NameError):
        value, among, known = error.name, "a name that the file imports or sets", list(place.known)
    else:
        value, among, known = type(error).__name__, f"Python that runs; {text}", []
    return InvalidEnvironment(
        ": ".join(filter(None, (place.at(), place.environment))), value, among + nearest(value, known)
    )


def _named(value: object) -> str:
    """A class by its name, another value by that of its class."""
    return value.__name__ if isinstance(value, type) else type(value).__name__

"""One environment's templates compared with another's: the values that were added, removed or changed, by path."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# The CDK names an asset after the hash of its content, which changes with every release of the CDK.
ASSET = re.compile(r"\b[0-9a-f]{64}\b")
WIDTH = 120


def without_assets(templates: Mapping[str, Any]) -> dict[str, Any]:
    """Templates with the hashes of assets masked."""
    return dict(json.loads(ASSET.sub("ASSET", json.dumps(templates))))


def without_name(templates: Mapping[str, Any], environment: str) -> dict[str, Any]:
    """Templates with the environment's own name masked, and the hashes of logical ids that contain it.

    Two environments that differ by their names only are equal afterwards. One that wrongly contains another's name
    is not.
    """
    text = json.dumps(templates)
    text = re.sub(
        rf"\b(\w+(?:from|to|Rule))?{environment}([A-Z]\w*?)(?:[0-9A-F]{{8,}})?\b",
        lambda name: f"{name[1] or ''}ENVIRONMENT{name[2]}",
        text,
    )
    text = re.sub(rf"(?<=whisper){environment}(?=[a-z])|\b{environment}\b", "ENVIRONMENT", text)
    return dict(json.loads(text, object_pairs_hook=_unique))


def differences(before: Any, after: Any) -> dict[str, Any]:
    """The differences between two JSON values; empty if they are equal.

    Paths are JSON pointers (RFC 6901), in which an index is followed by the entry's name, if it has one. Lists are
    compared by index if they are equally long, else as a whole.

    >>> differences({"a": 1, "b": [2, 3]}, {"b": [2, 4], "c": {}})
    {'added': {'/c': {}}, 'changed': {'/b/1': [3, 4]}, 'removed': ['/a']}
    """
    found: dict[str, Any] = {"added": {}, "changed": {}, "removed": []}
    for path, old, new in _walk(before, after, ""):
        if not old:
            found["added"][path] = new[0]
        elif not new:
            found["removed"].append(path)
        else:
            found["changed"][path] = [old[0], new[0]]
    return {kind: entries for kind, entries in found.items() if entries}


def readable(value: Any, indent: str = "") -> str:
    """JSON in which each object or list that fits on a line stands on one."""
    line = json.dumps(value)
    if not isinstance(value, dict | list) or len(indent) + len(line) <= WIDTH:
        return line
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    inner = indent + " "
    entries = (
        [f"{json.dumps(key)}: {readable(entry, inner)}" for key, entry in value.items()]
        if isinstance(value, dict)
        else [readable(entry, inner) for entry in value]
    )
    return f"{opening}\n{inner}" + f",\n{inner}".join(entries) + f"\n{indent}{closing}"


def _walk(before: Any, after: Any, path: str) -> Iterator[tuple[str, tuple[Any, ...], tuple[Any, ...]]]:
    """Path, old and new value of each difference; an empty tuple stands for no value."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            pointer = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in before:
                yield pointer, (), (after[key],)
            elif key not in after:
                yield pointer, (before[key],), ()
            else:
                yield from _walk(before[key], after[key], pointer)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _walk(old, new, f"{path}/{index}{_name(new)}")
    elif before != after:
        yield path, (before,), (after,)


def _name(entry: Any) -> str:
    """The name of a list's entry, such as that of a variable, a tag or an attribute."""
    names = (
        [entry[key] for key in ("Name", "Key") if isinstance(entry.get(key), str)] if isinstance(entry, dict) else []
    )
    return f" {names[0]}" if names else ""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    assert len(value) == len(pairs), "two keys are equal once they are masked"
    return value

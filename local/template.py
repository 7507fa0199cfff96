"""Values of a synthesized template, resolved as CloudFormation does."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from local.errors import LocalError

Resources = dict[str, Mapping[str, Any]]

SSM = "AWS::SSM::Parameter::Value<String>"


def resources(template: Mapping[str, Any], kind: str) -> Resources:
    """The properties of every resource of a type, by logical name."""
    return {name: found["Properties"] for name, found in template["Resources"].items() if found["Type"] == kind}


class Resolver:
    """Reads values of one template.

    Args:
        template: as synthesized.
        pseudo: values of pseudo parameters such as `AWS::Region`.
        given: parameters of the deploy, by name.
        published: returns the value of an SSM parameter; raises `KeyError` if there is none.

    >>> resolve = Resolver({}, pseudo={"AWS::Region": "eu-west-1"}, given={}, published={}.__getitem__)
    >>> resolve({"Fn::Join": [".", ["sqs", {"Ref": "AWS::Region"}]]})
    'sqs.eu-west-1'
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        *,
        pseudo: Mapping[str, str],
        given: Mapping[str, str],
        published: Callable[[str], str],
    ) -> None:
        self._parameters: Mapping[str, Any] = template.get("Parameters", {})
        self._known, self._published = {**pseudo, **given}, published

    def __call__(self, value: Any) -> Any:
        """Resolve a value to text, a number or a list.

        Raises:
            LocalError: it needs a function, a resource or a parameter that is not simulated.
        """
        match value:
            case str() | int() | float():
                return value
            case {"Ref": str(name)} if name in self._known:
                return self._known[name]
            case {"Ref": str(name)} if self._parameters.get(name, {}).get("Type") == SSM:
                return self._look_up(self._parameters[name]["Default"])
            case {"Fn::Join": [str(between), list(parts)]}:
                return between.join(self(part) for part in parts)
            case {"Fn::Split": [str(between), text]}:
                return self(text).split(between)
            case {"Fn::Select": [index, parts]}:
                return self((parts if isinstance(parts, list) else self(parts))[int(index)])
        expected = "text, a number, Fn::Join, Fn::Split, Fn::Select, or Ref to a known parameter"
        raise LocalError(f"template: got {json.dumps(value)}, expected {expected}")

    def _look_up(self, name: str) -> str:
        try:
            return self._published(name)
        except KeyError:
            raise LocalError(f"SSM parameter: got no {name!r}, expected one that the data stacks published") from None

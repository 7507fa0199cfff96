"""Parameters of the routes that keep OpenAI's contract; the codes are OpenAI's."""

from collections.abc import Sequence

from service.errors.tree import InvalidField, RequestError


class MissingParameter(InvalidField):
    """The form lacks a parameter that the route needs."""

    code = "missing_required_parameter"
    message = "a required parameter is missing"
    field: str
    expected: str


class UnknownParameter(InvalidField):
    """The form has a parameter that the route does not know."""

    code = "unknown_parameter"
    message = "unknown parameter"
    expected = "{known}"
    field: str
    known: Sequence[str]


class InvalidValue(InvalidField):
    """A parameter has a value that it never has."""

    code = "invalid_value"
    message = "not one of its values"
    field: str
    value: str
    expected: str


class UnsupportedValue(InvalidField):
    """A parameter has a value that does not go with the other parameters, or with the recording."""

    code = "unsupported_value"
    message = "not possible here"
    field: str
    value: str
    expected: str


class UnsupportedParameter(InvalidField):
    """OpenAI knows the parameter, but this service cannot do as it says."""

    code = "unsupported_parameter"
    message = "not supported"
    field: str
    expected: str


class NoSuchModel(RequestError):
    """The request names a model that the service does not serve."""

    status = 404
    code = "model_not_found"
    message = "the model does not exist"
    field = "model"
    value = "{model}"
    expected = "one of {served}"
    model: str
    served: Sequence[str]


class ModelCannotTranslate(RequestError):
    """The model knows English only, or was not trained to translate."""

    code = "unsupported_model"
    message = "the model does not translate"
    field = "model"
    expected = "a service with a multilingual model such as base or small"

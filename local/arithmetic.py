"""CloudWatch's metric arithmetic, as far as the scaling policies use it, for one minute at a time."""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache

from local.errors import LocalError

Number = float | None  # None: the minute has no datapoint

_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_FOLDS: Mapping[str, Callable[[list[float]], float]] = {"MAX": max, "MIN": min, "SUM": sum}


def evaluate(expression: str, minute: Mapping[str, Number]) -> Number:
    """The value of an expression in one minute; None if a metric that it needs has no datapoint.

    Args:
        expression: metric ids, numbers, `+ - * /`, comparisons, `AND`, `OR`, `IF`, `FILL`, `CEIL`, `MAX`, `MIN`, `SUM`.
        minute: the datapoint of every metric, by id.

    Raises:
        LocalError: the expression contains anything else, or a metric that is not in `minute`.

    >>> evaluate("IF(FILL(waiting, 0) > 0 AND tasks < 1, 1, 0)", {"waiting": 3, "tasks": 0})
    1.0
    >>> evaluate("waiting / tasks", {"waiting": 3, "tasks": None})
    """
    try:
        value = _value(_parsed(expression), minute)
    except (SyntaxError, KeyError) as error:
        raise LocalError(f"metric arithmetic: got {expression!r}, expected one that is simulated ({error})") from None
    except ZeroDivisionError:
        return None  # CloudWatch omits such a datapoint
    return None if value is None else float(value)


@cache
def _parsed(expression: str) -> ast.expr:
    words = re.sub(r"\b(AND|OR)\b", lambda word: word[0].lower(), expression)
    return ast.parse(words, mode="eval").body


def _value(node: ast.expr, minute: Mapping[str, Number]) -> Number:  # noqa: PLR0911 -- one for each form
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return minute[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _apply(operator.sub, 0, _value(operand, minute))
        case ast.BinOp(left=left, op=sign, right=right) | ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _apply(_OPERATORS[type(sign)], _value(left, minute), _value(right, minute))
        case ast.BoolOp(op=sign, values=parts):
            found = [_value(part, minute) for part in parts]
            every = all if isinstance(sign, ast.And) else any
            return None if None in found else float(every(found))
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filling], keywords=[]):
            value = _value(metric, minute)
            return _value(filling, minute) if value is None else value
        case ast.Call(func=ast.Name(id="CEIL"), args=[argument], keywords=[]):
            value = _value(argument, minute)
            return None if value is None else math.ceil(value)
        case ast.Call(func=ast.Name(id="IF"), args=[condition, yes, no], keywords=[]):
            holds = _value(condition, minute)
            return None if holds is None else _value(yes if holds else no, minute)
        case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=parts)], keywords=[]):
            values = [_value(part, minute) for part in parts]
            known = [value for value in values if value is not None]
            return _FOLDS[name](known) if known else None
    raise SyntaxError(ast.unparse(node))


def _apply(operation: Callable[[float, float], float], left: Number, right: Number) -> Number:
    return None if left is None or right is None else operation(left, right)

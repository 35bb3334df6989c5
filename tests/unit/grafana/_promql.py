"""Reading PromQL: what an expression asks for, and which labels its result has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import promql_parser as promql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Selector", "functions", "labels_of", "nodes", "selectors"]


@dataclass(frozen=True)
class Selector:
    """One metric in an expression, with its matchers as (label, operator, value)."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]


def nodes(expression: Any) -> Iterator[Any]:
    """Walk through all parts of an expression, from the outside in."""
    yield expression
    for part in ("lhs", "rhs", "expr", "vector_selector", "param"):
        child = getattr(expression, part, None)
        if isinstance(child, promql.Expr):
            yield from nodes(child)
    for argument in getattr(expression, "args", None) or ():
        yield from nodes(argument)


def selectors(text: str) -> list[Selector]:
    """List the metrics that an expression asks for."""
    return [
        Selector(node.name or "", tuple(_matcher(one) for one in node.matchers.matchers))
        for node in nodes(promql.parse(text))
        if isinstance(node, promql.VectorSelector)
    ]


def functions(text: str) -> set[str]:
    """Name the functions and aggregations of an expression."""
    found = set()
    for node in nodes(promql.parse(text)):
        if isinstance(node, promql.Call):
            found.add(node.func.name)
        if isinstance(node, promql.AggregateExpr):
            found.add(str(node.op))
    return found


def labels_of(text: str, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Tell which labels the result of an expression can have; `known` has those of each metric.

    Raises:
        KeyError: A metric is not known.
        NotImplementedError: The expression has something that no rule of ours has had so far.
    """
    return _labels(promql.parse(text), known)


def _labels(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    match node:
        case promql.VectorSelector(name=str(name)):
            return known[name]
        case promql.MatrixSelector(vector_selector=inner) | promql.ParenExpr(expr=inner) | promql.UnaryExpr(expr=inner):
            return _labels(inner, known)
        case promql.NumberLiteral() | promql.StringLiteral():
            return frozenset()
        case promql.AggregateExpr():
            return _aggregated(node, known)
        case promql.Call():
            return _called(node, known)
        case promql.BinaryExpr():
            return _combined(node, known)
    raise NotImplementedError(type(node).__name__)


def _aggregated(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    kept = _labels(node.expr, known)
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    if node.modifier.type != promql.AggModifierType.By:
        return kept - named
    if str(node.op) == "count_values":
        return (kept & named) | {node.param.val}
    return kept & named


def _called(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if node.func.name in {"time", "absent"}:
        return frozenset()
    vectors = [one for one in node.args if not isinstance(one, promql.NumberLiteral | promql.StringLiteral)]
    return _labels(vectors[0], known)


def _combined(node: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    operator = str(node.op)
    if operator == "or":
        return left | right
    if operator in {"and", "unless"}:
        return left
    scalar = [one for one in (node.lhs, node.rhs) if _is_scalar(one)]
    if scalar:
        return left | right
    modifier = node.modifier
    if modifier is None or modifier.matching is None:
        return left & right
    if str(modifier.card).endswith("ManyToOne"):
        return left
    named = frozenset(modifier.matching.labels)
    return left & named if modifier.matching.type == promql.LabelModifierType.Include else left - named


def _is_scalar(node: Any) -> bool:
    match node:
        case promql.NumberLiteral():
            return True
        case promql.ParenExpr() | promql.UnaryExpr():
            return _is_scalar(node.expr)
        case promql.BinaryExpr():
            return _is_scalar(node.lhs) and _is_scalar(node.rhs)
        case promql.Call():
            return bool(node.func.name == "time")
    return False


def _matcher(one: Any) -> tuple[str, str, str]:
    return str(one.name), str(one.op), str(one.value)

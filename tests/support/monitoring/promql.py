"""The metrics and labels that PromQL reads."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import promql_parser

# Variables of Grafana, by a value that they may have.
_VARIABLES: Final = {"$__rate_interval": "5m", "$namespace": ".*"}


class Matcher(NamedTuple):
    """A condition on a label; `operator` is one of = != =~ !~."""

    label: str
    operator: str
    value: str


class Selector(NamedTuple):
    """A metric that is read, the conditions on its labels, and the labels by which it is grouped."""

    metric: str
    matchers: tuple[Matcher, ...]
    grouped_by: frozenset[str]

    @property
    def labels(self) -> frozenset[str]:
        """All labels that the metric must have."""
        return self.grouped_by | {matcher.label for matcher in self.matchers}


_OPERATORS: Final = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}


def selectors(query: str) -> list[Selector]:
    """Each metric that a query reads. ValueError if it is no PromQL."""
    for variable, value in _VARIABLES.items():
        query = query.replace(variable, value)
    return list(_selectors(promql_parser.parse(query), frozenset()))


def _selectors(node: Any, grouped_by: frozenset[str]) -> Iterator[Selector]:
    if isinstance(node, promql_parser.VectorSelector):
        matchers = (Matcher(m.name, _OPERATORS[str(m.op)], m.value) for m in node.matchers.matchers)
        yield Selector(node.name or "", tuple(matchers), grouped_by)
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        by = node.modifier.type == promql_parser.AggModifierType.By
        grouped_by = frozenset(node.modifier.labels) if by else grouped_by
    if isinstance(node, promql_parser.Call) and node.func.name == "label_replace":
        grouped_by -= {node.args[1].val}
    for child in _children(node):
        yield from _selectors(child, grouped_by)


def _children(node: Any) -> Iterator[Any]:
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield child
    yield from getattr(node, "args", [])


def alternatives(pattern: str) -> list[re.Pattern[str]]:
    """The parts of a pattern of the form a|b|c."""
    return [re.compile(part) for part in pattern.split("|")]

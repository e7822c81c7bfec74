"""Strategies for filters of any shape over a small table, and the table's columns."""

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from services.vast_client.filters.filters import (
    Above,
    And,
    AtLeast,
    AtMost,
    Below,
    Equal,
    Filter,
    In,
    IsNull,
    Not,
    Or,
)

COLUMNS = pa.schema({"n": pa.int64(), "t": pa.string(), "b": pa.binary(), "f": pa.bool_()})
# Numbers that do not fit into a column, but may stand in a filter.
_BEYOND = (2**63, -(2**64))
# Few values, so that filters match rows. Each of the others is a frequent cause of bugs.
VALUES: dict[str, tuple[Any, ...]] = {
    "n": (-(2**63), -2, -1, 0, 1, 2, 3, 2**53 + 1, 2**63 - 1),
    "t": ("", "a", "ab", "b", "B", "é", "\U0001f3ac", "'; --", "%_", "x\0y"),
    "b": (b"", b"\0", b"a", b"ab", b"\xff\xfe"),
    "f": (True, False),
}
_LITERALS = VALUES | {"n": (*VALUES["n"], *_BEYOND)}
_ORDERED = ("n", "t")


def rows() -> st.SearchStrategy[list[dict[str, Any]]]:
    cells = {name: st.none() | st.sampled_from(values) for name, values in VALUES.items()}
    return st.lists(st.fixed_dictionaries(cells), max_size=8)


def filters() -> st.SearchStrategy[Filter]:
    return st.recursive(_leaves(), _joined, max_leaves=8)


def _leaves() -> st.SearchStrategy[Filter]:
    return st.one_of(
        *(_of_column(name) for name in VALUES),
        *(
            st.builds(bound, st.just(name), st.sampled_from(_LITERALS[name]))
            for name in _ORDERED
            for bound in (Below, AtMost, Above, AtLeast)
        ),
    )


def _of_column(name: str) -> st.SearchStrategy[Filter]:
    value = st.sampled_from(_LITERALS[name])
    return st.one_of(
        st.builds(Equal, st.just(name), value),
        st.builds(In, st.just(name), st.lists(value, max_size=4).map(tuple)),
        st.just(IsNull(name)),
    )


def _joined(inner: st.SearchStrategy[Filter]) -> st.SearchStrategy[Filter]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)

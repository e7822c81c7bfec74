"""Checks that a cluster and its tables fit the service: version, column types, sort order."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from services.vast_client.failures import Refused
from services.vast_client.tables import TableSpec

# The first release with sorted tables.
MIN_VERSION: Final = (5, 3, 5)


class Unfit(Refused):
    """The cluster or its tables do not fit the service. Waiting does not help."""


class Field(Protocol):
    """A column of a table."""

    @property
    def name(self) -> str:
        """The name of the column."""
        ...

    @property
    def type(self) -> object:
        """The Arrow type, or its name as text if Arrow has no such type."""
        ...


def check_version(version: Sequence[int]) -> None:
    """Unfit for a cluster without sorted tables; `version` has at least three numbers."""
    if tuple(version[:3]) < MIN_VERSION:
        minimum, actual = (".".join(map(str, numbers)) for numbers in (MIN_VERSION, version))
        raise Unfit(f"the cluster is VAST {actual}; sorted tables need {minimum} or later")


def differences(spec: TableSpec, columns: Iterable[Field], sorted_by: Sequence[str]) -> list[str]:
    """One sentence for each difference of an existing table from its spec; missing columns do not count."""
    types = {field.name: field.type for field in columns}
    sentences = []
    for field in spec.columns:
        actual = types.get(field.name, field.type)
        if actual != field.type:
            difference = f"the type is {_name(actual)}, it must be {_name(field.type)}"
            sentences.append(f"table {spec.name}, column {field.name}: {difference}")
    if tuple(sorted_by) != spec.sorted_by:
        sentences.append(f"table {spec.name}: {_order(sorted_by)}, it must be {_order(spec.sorted_by)}")
    return sentences


def _name(arrow_type: object) -> str:
    return {"double": "float64"}.get(str(arrow_type), str(arrow_type))


def _order(sorted_by: Sequence[str]) -> str:
    return f"sorted by {', '.join(sorted_by)}" if sorted_by else "not sorted"

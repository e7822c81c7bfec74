"""The interface of a table engine for finding contradictions between rows, and for mending them."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol


class Inconsistency(NamedTuple):
    """A row that contradicts another row, or is damaged. `kind` is a stable name."""

    kind: str
    table: str
    id: str
    summary: str
    # Whether a repair can rewrite the row.
    mendable: bool = False
    # The next step for the operator if it cannot.
    advice: str = ""
    mended: bool = False


class Look(NamedTuple):
    """The findings in some rows, the number of these rows, and the next place; None at the end."""

    found: Sequence[Inconsistency]
    rows: int
    after: str | None


class Examination(Protocol):
    """Checks tables, one part after the other. A row that cannot be read does not end a check."""

    @property
    def first(self) -> Sequence[str]:
        """The parts to check and mend first, as the others depend on them. Each is checked as a whole."""
        ...

    @property
    def parts(self) -> Sequence[str]:
        """The other parts, in the order in which they are checked."""
        ...

    async def look(self, part: str, after: str, rows: int) -> Look:
        """Check about `rows` rows of a part, from the place `after` on; "" is the beginning."""
        ...

    async def mend(self, table: str, row_id: str, kinds: Collection[str]) -> frozenset[str]:
        """Mend a row in small transactions, as far as it is still wrong; returns the kinds that are left."""
        ...

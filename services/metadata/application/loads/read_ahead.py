"""The steps of a batch that engines run for trial, to learn which rows to read ahead.

An insertion reads some rows before it knows which others it needs. Lookups that are known from the row alone
are steps of their own, before the insertions, so that an engine can answer all of them together.
"""

from collections.abc import Callable, Sequence

from services.metadata.application.clock import Moment
from services.metadata.application.loads.kinds import IndexedRow, R, Step
from services.metadata.application.ports import Tables


def steps_of_rows(
    lookups: Callable[[R], list[Step]], insert: Callable[[Tables, R, Moment], str]
) -> Callable[[Sequence[IndexedRow[R]], Moment], list[Step]]:
    """A function that returns the steps of rows which are inserted one by one: lookups, then insertions."""

    def insertion(row: R, now: Moment) -> Step:
        return lambda tables: insert(tables, row, now)

    def steps(rows: Sequence[IndexedRow[R]], now: Moment) -> list[Step]:
        lookups_of_rows = [lookup for _, row in rows for lookup in lookups(row)]
        return [_look_for_webhooks, *lookups_of_rows, *(insertion(row, now) for _, row in rows)]

    return steps


def _look_for_webhooks(tables: Tables) -> object:
    return tables.webhooks.has_any()

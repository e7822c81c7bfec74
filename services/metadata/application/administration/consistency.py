"""Finds rows that contradict each other, and mends them. The work of each call is limited.

A caller checks a large store with several calls. Each one continues at the place where the last one ended.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

from services.metadata.application.administration.walking import DAMAGED_DISK, MAX_FOUND, Walk
from services.metadata.application.audit.journal import Journal
from services.metadata.application.ports import Store
from services.metadata.application.ports.administration import Administration
from services.metadata.application.ports.examination import Examination, Inconsistency
from services.shared.errors import FailedPrecondition, InvalidArgument, Unavailable

# The usual and the highest numbers of flows and rows in one call.
_FLOWS: Final = 1000
_MAX_FLOWS: Final = 100_000
_SEGMENTS: Final = 100_000
_MAX_SEGMENTS: Final = 10_000_000
_PAGE: Final = 1000
_MAX_PLACE: Final = 5000
# After this time a call returns its findings and the place to continue at.
_SECONDS: Final = 20.0
# The part that walks over flows and segments. It comes before the parts of the engine.
_WALK: Final = "walk"
_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """A place to continue at: a part, and a position in a form that only this part knows."""

    part: str
    after: str

    def __str__(self) -> str:
        """The text that callers get and pass back."""
        return f"{self.part}:{self.after}"


class CheckResult(NamedTuple):
    """The contradictions, the numbers of checked flows and segments, and whether all rows were checked.

    `after` is the place at which the next call continues; empty if nothing is left.
    """

    found: list[Inconsistency]
    flows: int
    segments: int
    complete: bool
    after: str = ""


class Scope(NamedTuple):
    """The limits of a call, 0 for the usual ones, and the place from the result of the previous call."""

    max_flows: int = 0
    max_segments: int = 0
    after: str = ""


class Consistency:
    """Checks and mends the stored rows."""

    def __init__(
        self,
        store: Store,
        tables: Administration,
        examination: Examination,
        clock: Callable[[], float] = time.monotonic,
        journal: Journal | None = None,
    ) -> None:
        """Repairs are recorded in the journal, if there is one."""
        self._store = store
        self._tables = tables
        self._examination = examination
        self._clock = clock
        self._journal = journal

    async def check(self, scope: Scope) -> CheckResult:
        """The contradictions; InvalidArgument BAD_LIMIT or BAD_PLACE if the scope is invalid."""
        flows = _limit(scope.max_flows, _FLOWS, _MAX_FLOWS)
        rows = _limit(scope.max_segments, _SEGMENTS, _MAX_SEGMENTS)
        place = self._place(scope.after)
        end = self._clock() + _SECONDS
        result = CheckResult([], 0, 0, True)
        if place.part == _WALK:
            first = [] if place.after else await self._look_first()
            result = await self._walk(flows, rows, place.after)
            result = result._replace(found=first + result.found)
            place = Place(self._examination.parts[0], "")
            if result.after:
                return result
        return await self._examine(result, place, rows, end)

    async def repair(self, scope: Scope, *, confirm: str, dry_run: bool) -> CheckResult:
        """Check, then mend the rows whose right content follows from other rows.

        FailedPrecondition NOT_CONFIRMED unless `confirm` is the name of the schema. A dry run mends nothing.
        """
        if not dry_run and confirm != self._tables.schema:
            raise FailedPrecondition(
                f"to confirm, give the name {self._tables.schema}", reason="NOT_CONFIRMED", path="$.confirm"
            )
        result = await self.check(scope)
        if dry_run:
            return result
        if self._journal is None:
            return await self._mend_all(scope, result)
        async with self._journal.entry("administration.repair", f"schema:{self._tables.schema}"):
            return await self._mend_all(scope, result)

    async def _mend_all(self, scope: Scope, result: CheckResult) -> CheckResult:
        end = self._clock() + _SECONDS
        left: dict[tuple[str, str], Collection[str]] = {}
        for (table, row_id), kinds in _mendable_kinds(result.found).items():
            if self._clock() >= end:
                # The next call begins at the same place, so it finds and mends the rest.
                result = result._replace(complete=False, after=scope.after or str(Place(_WALK, "")))
                break
            left[table, row_id] = await self._mend(table, row_id, kinds)
        return result._replace(found=[_with_outcome(finding, left) for finding in result.found])

    async def _mend(self, table: str, row_id: str, kinds: Collection[str]) -> Collection[str]:
        """Mend a row; returns the kinds that are left, all of them if it fails."""
        try:
            return await self._examination.mend(table, row_id, kinds)
        except Unavailable as error:
            if error.reason != "STORE_REFUSED":
                raise
            _log.warning("a row cannot be mended", extra={"table": table, "id": row_id}, exc_info=error)
        except Exception as error:  # noqa: BLE001 - one bad row must not keep others from being mended
            _log.warning("a row cannot be mended", extra={"table": table, "id": row_id}, exc_info=error)
        return kinds

    async def _walk(self, flows: int, segments: int, after: str) -> CheckResult:
        damage = await self._tables.damage() if not after else None
        walk = Walk(self._store, self._tables, (flows, segments), after or None)
        await walk.run()
        found = [] if damage is None else [_damaged_pages(summary) for summary in damage.found]
        ended = walk.complete or walk.after in (None, after)
        continue_at = "" if ended else str(Place(_WALK, walk.after or ""))
        complete = walk.complete and (damage is None or damage.complete)
        found += walk.found
        return CheckResult(found[:MAX_FOUND], walk.flows, walk.segments, complete, continue_at)

    async def _look_first(self) -> list[Inconsistency]:
        looks = [await self._examination.look(part, "", 0) for part in self._examination.first]
        return [finding for look in looks for finding in look.found]

    async def _examine(self, result: CheckResult, place: Place, rows: int, end: float) -> CheckResult:
        found = list(result.found)
        parts = list(self._examination.parts)
        for part in parts[parts.index(place.part) :]:
            after: str | None = place.after if part == place.part else ""
            while after is not None:
                if rows <= 0 or len(found) >= MAX_FOUND or self._clock() >= end:
                    return result._replace(
                        found=_without_repeats(found), complete=False, after=str(Place(part, after))
                    )
                look = await self._examination.look(part, after, min(rows, _PAGE))
                found += look.found
                rows, after = rows - look.rows, look.after
        return result._replace(found=_without_repeats(found))

    def _place(self, text: str) -> Place:
        part, _, after = text.partition(":")
        place = Place(part, after) if text else Place(_WALK, "")
        if place.part not in (_WALK, *self._examination.parts) or len(text) > _MAX_PLACE:
            raise InvalidArgument("the place to continue at is malformed", reason="BAD_PLACE", path="$.after")
        return place


def _mendable_kinds(found: Sequence[Inconsistency]) -> dict[tuple[str, str], set[str]]:
    """The kinds of the findings that can be mended, by the table and id of their row."""
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    for finding in found:
        if finding.mendable:
            kinds[finding.table, finding.id].add(finding.kind)
    return kinds


def _with_outcome(finding: Inconsistency, left: Mapping[tuple[str, str], Collection[str]]) -> Inconsistency:
    """The finding, with `mended` set unless its kind is among those that are left of its row."""
    kinds_left = left.get((finding.table, finding.id))
    return finding._replace(
        mended=finding.mendable and kinds_left is not None and finding.kind not in kinds_left
    )


def _without_repeats(found: Sequence[Inconsistency]) -> list[Inconsistency]:
    """The findings, each kind once for a row, because two parts may find the same contradiction."""
    return list({(row.kind, row.table, row.id, row.mendable or row.summary): row for row in found}.values())


def _damaged_pages(summary: str) -> Inconsistency:
    return Inconsistency("DAMAGED_PAGES", "", "", summary, advice=DAMAGED_DISK)


def _limit(requested: int, usual: int, highest: int) -> int:
    if not 0 <= requested <= highest:
        raise InvalidArgument(f"a limit must be 1 to {highest}, or 0 for {usual}", reason="BAD_LIMIT")
    return requested or usual

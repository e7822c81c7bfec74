"""Bulk loads into a store in memory that refuses rows and batches on request."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec
import pytest

from client.api import InvalidRequest, Unreachable
from client.api.administration import Administration
from client.api.models import Problem
from client.api.tables import FailedRow, Load, LoadedRows, LoadRollback
from client.loading import Loaded, Policy, load
from client.loading.loading import Progress

ROWS = [json.dumps({"n": number}).encode() for number in range(5000)]


class Loads(Administration):
    """Keeps rows. Refuses the `bad` ones, and batches of more than `max_rows` rows."""

    def __init__(self, bad: Collection[int] = (), max_rows: int = 10**9) -> None:
        self.bad = set(bad)
        self.max_rows = max_rows
        self.kept: list[int] = []
        self.sizes: list[int] = []
        self.current = Load(id="l", kind="segments", state="open", rows=0, inserted=0, skipped=0)

    async def load_rows(
        self, load_id: str, first_row: int, rows: Sequence[bytes], *, skip_bad: bool
    ) -> LoadedRows:
        assert load_id == self.current.id
        if len(rows) > self.max_rows:
            raise InvalidRequest(413, "BODY_TOO_LARGE", "too large")
        assert first_row == self.current.rows
        self.sizes.append(len(rows))
        numbers = [json.loads(row)["n"] for row in rows]
        bad = [number for number in numbers if number in self.bad]
        failures = [FailedRow(row=number, error=Problem(type="BAD_ROW", summary="bad")) for number in bad]
        if bad and not skip_bad:
            return LoadedRows(
                load=self.current, committed=False, repeated=False, failed=len(bad), failures=failures
            )
        self.kept += [number for number in numbers if number not in self.bad]
        self._changed(rows=self.current.rows + len(rows), inserted=len(self.kept))
        return LoadedRows(
            load=self.current, committed=True, repeated=False, failed=len(bad), failures=failures
        )

    async def finish_load(self, load_id: str) -> Load:
        assert load_id == self.current.id
        return self._changed(state="done")

    async def load(self, load_id: str) -> Load:
        assert load_id == self.current.id
        return self.current

    async def roll_back_load(self, load_id: str) -> LoadRollback:
        assert load_id == self.current.id
        removed, self.kept = self.kept[-700:], self.kept[:-700]
        self._changed(state="rolled_back")
        return LoadRollback(load=self.current, done=not removed, removed=len(removed), kept=0)

    def _changed(self, **changes: Any) -> Load:
        self.current = msgspec.structs.replace(self.current, **changes)
        return self.current


async def run(
    loads: Loads,
    policy: Policy = Policy.ROLLBACK,
    rows: Iterable[bytes] = ROWS,
    progress: Progress | None = None,
) -> Loaded:
    return await load(loads, loads.current, rows, policy, progress or (lambda _: None))


async def test_all_rows_are_loaded_in_order_and_progress_is_reported() -> None:
    loads = Loads()
    reports: list[int] = []
    loaded = await run(loads, progress=reports.append)
    assert (loaded.complete, loaded.load.state, loads.kept) == (True, "done", list(range(5000)))
    assert reports == sorted(reports)
    assert reports[-1] == 5000


async def test_an_empty_input_is_a_finished_load() -> None:
    loaded = await run(Loads(), rows=[])
    assert (loaded.complete, loaded.load.rows, loaded.load.state) == (True, 0, "done")


async def test_batches_that_are_too_large_are_halved() -> None:
    loads = Loads(max_rows=70)
    assert (await run(loads)).complete
    assert loads.kept == list(range(5000))
    assert max(loads.sizes) <= 70


async def test_a_row_that_is_too_large_alone_is_an_error() -> None:
    with pytest.raises(InvalidRequest):
        await run(Loads(max_rows=0))


async def test_bad_rows_are_skipped() -> None:
    loads = Loads(bad=[3, 4000])
    loaded = await run(loads, Policy.SKIP)
    assert (loaded.complete, loaded.failed, loaded.load.inserted) == (True, 2, 4998)
    assert [failure.row for failure in loaded.failures] == [3, 4000]


async def test_a_stopped_load_continues_when_the_row_is_corrected() -> None:
    loads = Loads(bad=[4000])
    stopped = await run(loads, Policy.RESUME)
    assert (stopped.complete, stopped.failed, stopped.failures[0].row) == (False, 1, 4000)
    assert stopped.load.rows <= 4000
    loads.bad.clear()
    assert (await run(loads, Policy.RESUME)).complete
    assert loads.kept == list(range(5000))


async def test_a_failed_load_is_rolled_back() -> None:
    loads = Loads(bad=[4000])
    undone = await run(loads, Policy.ROLLBACK)
    assert (undone.complete, undone.load.state, loads.kept) == (False, "rolled_back", [])
    assert undone.removed == undone.load.inserted > 0


async def test_a_load_continues_after_a_lost_reply() -> None:
    class LosingReply(Loads):
        async def load_rows(
            self, load_id: str, first_row: int, rows: Sequence[bytes], *, skip_bad: bool
        ) -> LoadedRows:
            reply = await super().load_rows(load_id, first_row, rows, skip_bad=skip_bad)
            if len(self.sizes) == 2:
                raise Unreachable("the reply is lost", sent=True)
            return reply

    loads = LosingReply()
    with pytest.raises(Unreachable):
        await run(loads)
    assert (await run(loads)).complete
    assert loads.kept == list(range(5000))

"""Loads against a store that keeps the same promises and fails when told."""

import json

import msgspec
import pytest

from client.api import InvalidRequest, Unreachable
from client.api.models import Problem
from client.api.tables import FailedRow, Load, LoadedRows, LoadRollback
from client.loading import Policy, load

ROWS = [json.dumps({"n": number}).encode() for number in range(5000)]


class Loads:
    """Keeps rows; those of `bad` are refused, batches of more than `most` rows are too large."""

    def __init__(self, bad=(), most=10**9):
        self.bad = set(bad)
        self.most = most
        self.kept: list[int] = []
        self.sizes: list[int] = []
        self.now = Load(id="l", kind="segments", state="open", rows=0, inserted=0, skipped=0)

    async def load_rows(self, load_id, first_row, rows, *, skip_bad):
        assert load_id == self.now.id
        if len(rows) > self.most:
            raise InvalidRequest(413, "BODY_TOO_LARGE", "too large")
        assert first_row == self.now.rows
        self.sizes.append(len(rows))
        numbers = [json.loads(row)["n"] for row in rows]
        bad = [one for one in numbers if one in self.bad]
        failures = [FailedRow(row=one, error=Problem(type="BAD_ROW", summary="bad")) for one in bad]
        if bad and not skip_bad:
            return LoadedRows(
                load=self.now, committed=False, repeated=False, failed=len(bad), failures=failures
            )
        self.kept += [one for one in numbers if one not in self.bad]
        self._change(rows=self.now.rows + len(rows), inserted=len(self.kept))
        return LoadedRows(load=self.now, committed=True, repeated=False, failed=len(bad), failures=failures)

    async def finish_load(self, load_id):
        assert load_id == self.now.id
        return self._change(state="done")

    async def load(self, load_id):
        assert load_id == self.now.id
        return self.now

    async def roll_back_load(self, load_id):
        assert load_id == self.now.id
        gone, self.kept = self.kept[-700:], self.kept[:-700]
        self._change(state="rolled_back")
        return LoadRollback(load=self.now, done=not gone, removed=len(gone), kept=0)

    def _change(self, **changes):
        self.now = msgspec.structs.replace(self.now, **changes)
        return self.now


async def run(loads, policy=Policy.ROLLBACK, rows=ROWS, progress=None):
    return await load(loads, loads.now, rows, policy, progress or (lambda _: None))


async def test_all_rows_arrive_in_order_and_progress_is_told():
    loads, told = Loads(), []
    loaded = await run(loads, progress=told.append)
    assert (loaded.complete, loaded.load.state, loads.kept) == (True, "done", list(range(5000)))
    assert told == sorted(told)
    assert told[-1] == 5000


async def test_an_empty_input_is_a_finished_load():
    loaded = await run(Loads(), rows=[])
    assert (loaded.complete, loaded.load.rows, loaded.load.state) == (True, 0, "done")


async def test_batches_that_are_too_large_are_halved():
    loads = Loads(most=70)
    assert (await run(loads)).complete
    assert loads.kept == list(range(5000))
    assert max(loads.sizes) <= 70


async def test_a_row_that_is_too_large_alone_is_an_error():
    with pytest.raises(InvalidRequest):
        await run(Loads(most=0))


async def test_bad_rows_are_left_out():
    loads = Loads(bad=[3, 4000])
    loaded = await run(loads, Policy.SKIP)
    assert (loaded.complete, loaded.failed, loaded.load.inserted) == (True, 2, 4998)
    assert [one.row for one in loaded.failures] == [3, 4000]


async def test_a_load_stops_and_goes_on_when_the_row_is_mended():
    loads = Loads(bad=[4000])
    stopped = await run(loads, Policy.RESUME)
    assert (stopped.complete, stopped.failed, stopped.failures[0].row) == (False, 1, 4000)
    assert stopped.load.rows <= 4000
    loads.bad.clear()
    assert (await run(loads, Policy.RESUME)).complete
    assert loads.kept == list(range(5000))


async def test_a_load_takes_everything_back():
    loads = Loads(bad=[4000])
    undone = await run(loads, Policy.ROLLBACK)
    assert (undone.complete, undone.load.state, loads.kept) == (False, "rolled_back", [])
    assert undone.removed == undone.load.inserted > 0


async def test_a_load_that_lost_the_store_goes_on_where_it_was():
    class Leaving(Loads):
        async def load_rows(self, load_id, first_row, rows, *, skip_bad):
            reply = await super().load_rows(load_id, first_row, rows, skip_bad=skip_bad)
            if len(self.sizes) == 2:
                raise Unreachable("the reply is lost", sent=True)
            return reply

    loads = Leaving()
    with pytest.raises(Unreachable):
        await run(loads)
    assert (await run(loads)).complete
    assert loads.kept == list(range(5000))

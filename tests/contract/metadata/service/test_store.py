import asyncio
import itertools
from collections.abc import Callable

import pytest

from services.metadata.application.ports import Store, Tables
from services.shared.errors import InvalidArgument
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import source_id

FORMAT = "urn:x-nmos:format:video"


def insert_source(number: int) -> Callable[[Tables], None]:
    return lambda tables: tables.sources.insert(source_id(number), FORMAT, b"{}")


def insert_and_fail(number: int, error: Exception) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        insert_source(number)(tables)
        raise error

    return change


def source_numbers(tables: Tables) -> list[int]:
    return [number for number in range(100) if tables.sources.get(source_id(number)) is not None]


async def test_a_change_is_visible_once_it_has_returned(store: Store) -> None:
    await store.write(insert_source(1))
    assert await store.read(source_numbers) == [1]
    assert await store.scan(source_numbers) == [1]


async def test_a_probe_of_a_readable_store_succeeds(store: Store) -> None:
    await store.probe()


async def test_a_change_sees_its_own_writes_and_returns_its_result(store: Store) -> None:
    def change(tables: Tables) -> list[int]:
        insert_source(1)(tables)
        return source_numbers(tables)

    assert await store.write(change) == [1]


@pytest.mark.parametrize("error", [InvalidArgument("no"), ValueError("bug"), RecursionError()])
async def test_a_change_that_raises_is_undone(store: Store, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await store.write(insert_and_fail(1, error))
    assert caught.value is error
    assert await store.read(source_numbers) == []


async def test_a_query_that_raises_does_not_affect_the_next(store: Store) -> None:
    def query(tables: Tables) -> None:
        raise InvalidArgument("no")

    for run in (store.read, store.scan):
        with pytest.raises(InvalidArgument):
            await run(query)
        assert await run(source_numbers) == []


async def test_changes_beside_a_failing_one_are_committed(store: Store) -> None:
    changes = [
        insert_and_fail(number, ValueError(number)) if number % 3 == 0 else insert_source(number)
        for number in range(60)
    ]
    outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
    failed = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, ValueError)]
    assert failed == [number for number in range(60) if number % 3 == 0]
    assert await store.read(source_numbers) == [number for number in range(60) if number % 3]


async def test_a_change_that_breaks_a_constraint_fails_alone(store: Store) -> None:
    changes = [insert_source(1), insert_source(1), insert_source(2)]
    outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert await store.read(source_numbers) == [1, 2]


async def test_changes_run_one_after_the_other(store: Store) -> None:
    async def add() -> int:
        def change(tables: Tables) -> int:
            number = len(source_numbers(tables))
            insert_source(number)(tables)
            return number

        return await store.write(change)

    assert sorted(await asyncio.gather(*(add() for _ in range(50)))) == list(range(50))


async def test_changes_run_in_the_order_of_their_calls(store: Store) -> None:
    turns = itertools.count()
    ran = await asyncio.gather(*(store.write(lambda _: next(turns)) for _ in range(100)))
    assert ran == sorted(ran)


async def test_a_query_sees_one_state_of_the_tables(store: Store) -> None:
    """Changes that are committed while a query runs are not visible to it."""
    loop = asyncio.get_running_loop()

    def query(tables: Tables) -> tuple[list[int], list[int]]:
        before = source_numbers(tables)
        asyncio.run_coroutine_threadsafe(store.write(insert_source(7)), loop).result(30)
        return before, source_numbers(tables)

    assert await store.scan(query) == ([], [])
    assert await store.read(source_numbers) == [7]


async def test_cancelled_changes_do_not_affect_the_others(store: Store) -> None:
    cancelled = [asyncio.ensure_future(store.write(insert_source(number))) for number in range(20)]
    others = [asyncio.ensure_future(store.write(insert_source(number))) for number in range(20, 40)]
    await asyncio.sleep(0)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*others)
    await asyncio.gather(*cancelled, return_exceptions=True)
    assert set(range(20, 40)) <= set(await store.read(source_numbers))


async def test_waiting_changes_are_finished_when_the_store_closes(engine: Engine) -> None:
    waiting = [asyncio.ensure_future(engine.store.write(insert_source(number))) for number in range(50)]
    await asyncio.sleep(0)
    await engine.store.close()
    await asyncio.gather(*waiting)
    assert len(engine.rows("sources")) == 50

import asyncio
import itertools

import pytest

from services.metadata.application.ports import Store, Tables
from services.shared.errors import InvalidArgument
from tests.contract.metadata.conftest import Engine
from tests.support.flows import source_id

FORMAT = "urn:x-nmos:format:video"


def inserts(number: int):
    return lambda tables: tables.sources.insert(source_id(number), FORMAT, b"{}")


def fails_after_inserting(number: int, error: Exception):
    def change(tables: Tables) -> None:
        inserts(number)(tables)
        raise error

    return change


def numbers_in(tables: Tables) -> list[int]:
    return [number for number in range(100) if tables.sources.get(source_id(number)) is not None]


async def test_a_change_is_there_once_it_returned(store: Store) -> None:
    await store.write(inserts(1))
    assert await store.read(numbers_in) == [1]
    assert await store.scan(numbers_in) == [1]


async def test_a_change_sees_its_own_writes_and_returns_its_result(store: Store) -> None:
    def change(tables: Tables) -> list[int]:
        inserts(1)(tables)
        return numbers_in(tables)

    assert await store.write(change) == [1]


@pytest.mark.parametrize("error", [InvalidArgument("no"), ValueError("bug"), RecursionError()])
async def test_whatever_a_change_raises_undoes_all_of_it(store: Store, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await store.write(fails_after_inserting(1, error))
    assert caught.value is error
    assert await store.read(numbers_in) == []


async def test_a_query_may_raise_and_the_next_one_works(store: Store) -> None:
    def query(tables: Tables) -> None:
        raise InvalidArgument("no")

    for run in (store.read, store.scan):
        with pytest.raises(InvalidArgument):
            await run(query)
        assert await run(numbers_in) == []


async def test_neighbours_of_a_failing_change_commit(store: Store) -> None:
    changes = [
        fails_after_inserting(number, ValueError(number)) if number % 3 == 0 else inserts(number)
        for number in range(60)
    ]
    outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
    failed = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, ValueError)]
    assert failed == [number for number in range(60) if number % 3 == 0]
    assert await store.read(numbers_in) == [number for number in range(60) if number % 3]


async def test_a_change_that_breaks_a_constraint_fails_alone(store: Store) -> None:
    changes = [inserts(1), inserts(1), inserts(2)]
    outcomes = await asyncio.gather(*map(store.write, changes), return_exceptions=True)
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert await store.read(numbers_in) == [1, 2]


async def test_changes_run_one_after_the_other(store: Store) -> None:
    async def add() -> int:
        def change(tables: Tables) -> int:
            number = len(numbers_in(tables))
            inserts(number)(tables)
            return number

        return await store.write(change)

    assert sorted(await asyncio.gather(*(add() for _ in range(50)))) == list(range(50))


async def test_changes_asked_for_in_order_run_in_order(store: Store) -> None:
    turns = itertools.count()
    ran = await asyncio.gather(*(store.write(lambda _: next(turns)) for _ in range(100)))
    assert ran == sorted(ran)


async def test_a_query_sees_one_state_of_the_tables(store: Store) -> None:
    """Changes that commit while a query runs stay out of its sight."""
    loop = asyncio.get_running_loop()

    def query(tables: Tables) -> tuple[list[int], list[int]]:
        before = numbers_in(tables)
        asyncio.run_coroutine_threadsafe(store.write(inserts(7)), loop).result(30)
        return before, numbers_in(tables)

    assert await store.scan(query) == ([], [])
    assert await store.read(numbers_in) == [7]


async def test_a_caller_that_leaves_harms_nobody(store: Store) -> None:
    leaving = [asyncio.ensure_future(store.write(inserts(number))) for number in range(20)]
    staying = [asyncio.ensure_future(store.write(inserts(number))) for number in range(20, 40)]
    await asyncio.sleep(0)
    for task in leaving:
        task.cancel()
    await asyncio.gather(*staying)
    await asyncio.gather(*leaving, return_exceptions=True)
    assert set(range(20, 40)) <= set(await store.read(numbers_in))


async def test_what_waits_when_the_store_closes_is_finished(engine: Engine) -> None:
    waiting = [asyncio.ensure_future(engine.store.write(inserts(number))) for number in range(50)]
    await asyncio.sleep(0)
    await engine.store.close()
    await asyncio.gather(*waiting)
    assert len(engine.rows("sources")) == 50

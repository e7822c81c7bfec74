import pytest

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import ROW_ID, Lookup, Missing, Row, Select
from services.metadata.adapters.vast.reading.cache import RowCache
from services.metadata.adapters.vast.reading.quiet import (
    BUSY_SECONDS,
    LONGEST_SECONDS,
    QUIET_SECONDS,
    Marks,
    marks_of,
    processes_of,
)
from services.metadata.adapters.vast.schema import COLUMNS
from services.vast_client.filters.filters import EVERYTHING
from tests.support.clock import Clock

WORK = Select("events", EVERYTHING, ("id",), 1, standing=True)
OTHER_WORK = Select("webhooks", EVERYTHING, ("id",), standing=True)
NOTHING: list[Row] = []


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def cache(clock: Clock) -> RowCache:
    """A cache that looked at `writers` once, some minutes ago."""
    cache = RowCache(3, 1.0, clock)
    cache.quiet.update_marks(marks("first"), clock.now - 100)
    clock.now += 60
    return cache


def marks(*changes: str) -> Marks:
    return marks_of({ROW_ID: n, "id": str(n), "change": change} for n, change in enumerate(changes))


def read_and_keep(
    cache: RowCache, question: Select, current: Marks, *, since: float | None = None, processes: int = 1
) -> None:
    """Read and keep an answer, by default in a read that begins now."""
    began = cache.clock() if since is None else since
    cache.quiet.update_marks(current, began, processes)
    if cache.quiet.valid(question, current) is None:
        cache.quiet.keep(question, NOTHING, current, began)


def insert_into(table: str) -> Changes:
    changes = Changes()
    changes.insert(table, [dict.fromkeys(COLUMNS[table])])
    return changes


def is_known(cache: RowCache, question: Select = WORK) -> bool:
    try:
        cache.rows([question])
    except Missing:
        return False
    return True


def test_an_answer_is_known_until_the_next_look_is_due(cache: RowCache, clock: Clock) -> None:
    read_and_keep(cache, WORK, marks("first"))
    assert is_known(cache)
    clock.now += QUIET_SECONDS - 0.1
    assert is_known(cache)
    clock.now += 0.2
    assert not is_known(cache)


@pytest.mark.parametrize("processes", [1, 2, 5, 100])
def test_each_process_looks_less_often_if_there_are_more(
    cache: RowCache, clock: Clock, processes: int
) -> None:
    cache.quiet.update_marks(marks("first"), clock.now, processes)
    read_and_keep(cache, WORK, marks("first"), processes=processes)
    clock.now += min(LONGEST_SECONDS, processes * QUIET_SECONDS) - 0.1
    assert is_known(cache)
    clock.now += 0.2
    assert not is_known(cache)


def test_processes_are_counted_by_their_rows_without_killed_ones() -> None:
    def row(name: str, seen_ms: int | None) -> Row:
        return {ROW_ID: 1, "id": name, "change": "", "seen_ms": seen_ms}

    minute = 60_000
    assert processes_of([]) == 1
    assert processes_of([row("a/1", 0), row("a/2", 0)]) == 1
    assert processes_of([row("a/1", 0), row("b/1", 0), row("b/2", 0), row("without number", 0)]) == 3
    killed, old = row("b/1", 100 * minute), row("c/1", None)
    assert processes_of([row("a/1", 200 * minute), killed, old]) == 1
    assert processes_of([row("a/1", 105 * minute), killed, old]) == 2


def test_a_look_that_finds_nothing_new_confirms_all_answers(cache: RowCache, clock: Clock) -> None:
    read_and_keep(cache, WORK, marks("first"))
    read_and_keep(cache, OTHER_WORK, marks("first"))
    clock.now += QUIET_SECONDS
    cache.quiet.update_marks(marks("first"), clock.now)
    assert is_known(cache, WORK)
    assert is_known(cache, OTHER_WORK)


@pytest.mark.parametrize("current", [marks("second"), marks("first", ""), marks()])
def test_writes_of_other_processes_end_an_answer(
    cache: RowCache, current: frozenset[tuple[str, str]]
) -> None:
    read_and_keep(cache, WORK, marks("first"))
    assert cache.quiet.valid(WORK, marks("first")) == NOTHING
    assert cache.quiet.valid(WORK, current) is None


def test_the_new_row_of_a_restarted_process_ends_an_answer(cache: RowCache) -> None:
    restarted = marks_of([{ROW_ID: 7, "id": "0", "change": "first"}])
    read_and_keep(cache, WORK, marks("first"))
    assert cache.quiet.valid(WORK, restarted) is None


def test_looks_are_more_frequent_while_other_processes_write(cache: RowCache, clock: Clock) -> None:
    read_and_keep(cache, WORK, marks("second"))
    clock.now += BUSY_SECONDS
    assert not is_known(cache)


def test_a_change_of_this_process_ends_the_answers_about_its_tables(cache: RowCache, clock: Clock) -> None:
    read_and_keep(cache, WORK, marks("first"))
    read_and_keep(cache, OTHER_WORK, marks("first"))
    cache.written(insert_into("events"), clock())
    assert not is_known(cache, WORK)
    assert is_known(cache, OTHER_WORK)


def test_an_answer_from_before_a_change_is_not_kept(cache: RowCache, clock: Clock) -> None:
    before = clock()
    cache.written(insert_into("events"), clock())
    read_and_keep(cache, WORK, marks("first"), since=before)
    assert not is_known(cache)


def test_an_answer_from_before_the_cache_was_cleared_is_not_kept(cache: RowCache, clock: Clock) -> None:
    before = clock()
    read_and_keep(cache, WORK, marks("first"))
    cache.clear()
    assert not is_known(cache)
    read_and_keep(cache, WORK, marks("first"), since=before)
    assert not is_known(cache)


def test_an_answer_expires_without_any_change(cache: RowCache, clock: Clock) -> None:
    read_and_keep(cache, WORK, marks("first"))
    clock.now += 301
    assert cache.quiet.valid(WORK, marks("first")) is None


def test_the_number_of_answers_is_bounded(cache: RowCache) -> None:
    questions = [Select("events", EVERYTHING, ("id",), cap, standing=True) for cap in range(1, 200)]
    for question in questions:
        read_and_keep(cache, question, marks("first"))
    assert sum(is_known(cache, question) for question in questions) == 64


def test_standing_questions_count_as_neither_hits_nor_misses(cache: RowCache) -> None:
    is_known(cache)
    read_and_keep(cache, WORK, marks("first"))
    is_known(cache)
    with pytest.raises(Missing):
        cache.rows([Lookup("flows", "id", "1", COLUMNS["flows"])])
    assert cache.statistics()[:2] == (0, 1)

import pytest

from services.metadata.adapters.vast.cache import RowCache
from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import ROW_ID, Lookup, Missing, Select
from services.metadata.adapters.vast.schema import COLUMNS
from services.shared.vast.filters import EVERYTHING

SECONDS = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> RowCache:
    return RowCache(3, SECONDS, clock)


def flow(number: int) -> Lookup:
    return Lookup("flows", "id", str(number), COLUMNS["flows"])


def row(number: int, label: str = "old") -> dict[str, object]:
    return {**dict.fromkeys(COLUMNS["flows"]), "id": str(number), "label": label, ROW_ID: number}


def filled(cache: RowCache, *numbers: int) -> None:
    cache.fill({flow(number): [row(number)] for number in numbers}, cache.version)


def updated(number: int, label: str = "new") -> Changes:
    changes = Changes()
    changes.update("flows", row(number), {"label": label})
    return changes


def deleted(number: int) -> Changes:
    changes = Changes()
    changes.delete("flows", row(number))
    return changes


def labels(cache: RowCache, number: int) -> list[object] | None:
    rows = cache.known(flow(number))
    return None if rows is None else [one["label"] for one in rows]


def test_what_was_read_is_known(cache):
    filled(cache, 1, 2)
    assert cache.rows([flow(1), flow(2)]) == [[row(1)], [row(2)]]


def test_what_was_not_read_is_missing_with_all_that_was_asked(cache):
    filled(cache, 1)
    with pytest.raises(Missing) as raised:
        cache.rows([flow(1), flow(2)])
    assert raised.value.queries == [flow(1), flow(2)]


@pytest.mark.parametrize(
    "query",
    [
        Lookup("segments", "flow", 1, COLUMNS["segments"]),
        Lookup("flows", "source_id", "1", COLUMNS["flows"]),
        Lookup("flows", "id", "1", ("id",)),
    ],
    ids=["another table", "another column", "some columns"],
)
def test_only_whole_rows_by_id_are_kept(cache, query):
    cache.fill({query: [row(1)]}, cache.version)
    with pytest.raises(Missing):
        cache.rows([query])


def test_a_range_is_always_read(cache):
    filled(cache, 1)
    with pytest.raises(Missing):
        cache.rows([Select("flows", EVERYTHING, COLUMNS["flows"])])


def test_absence_is_not_kept(cache):
    cache.fill({flow(1): []}, cache.version)
    assert cache.known(flow(1)) is None


def test_rows_are_forgotten_in_time(cache, clock):
    filled(cache, 1)
    clock.now += SECONDS
    assert labels(cache, 1) == ["old"]
    clock.now += 0.001
    assert labels(cache, 1) is None


def test_rows_that_came_from_the_cache_do_not_stay_longer(cache, clock):
    filled(cache, 1)
    clock.now += SECONDS - 1
    cache.fill({flow(1): cache.known(flow(1))}, cache.version)
    clock.now += 2
    assert labels(cache, 1) is None


def test_rows_read_again_stay_longer(cache, clock):
    filled(cache, 1)
    clock.now += SECONDS - 1
    filled(cache, 1)
    clock.now += 2
    assert labels(cache, 1) == ["old"]


def test_no_time_means_no_row_is_kept_by_reads(clock):
    cache = RowCache(3, 0, clock)
    filled(cache, 1)
    assert cache.known(flow(1)) is None


def test_no_time_means_no_row_is_kept_by_writes(clock):
    cache = RowCache(3, 0, clock)
    cache.written(updated(1))
    assert cache.known(flow(1)) is None
    assert cache.statistics().entries == 0


def test_the_oldest_rows_go_when_there_are_too_many(cache):
    filled(cache, 1, 2, 3)
    filled(cache, 4)
    assert [labels(cache, number) for number in (1, 2, 3, 4)] == [None, ["old"], ["old"], ["old"]]
    assert cache.statistics().entries == 3


def test_a_write_shows_at_once(cache):
    filled(cache, 1)
    cache.written(updated(1))
    assert labels(cache, 1) == ["new"]


def test_a_new_row_is_known_once_written(cache):
    changes = Changes()
    changes.insert("flows", [row(1)])
    cache.written(changes)
    assert labels(cache, 1) == ["old"]


def test_a_deleted_row_is_not_known(cache):
    filled(cache, 1)
    cache.written(deleted(1))
    assert cache.known(flow(1)) is None


def test_a_row_deleted_and_made_again_in_one_change_is_the_new_one(cache):
    changes = deleted(1)
    changes.insert("flows", [row(1, "new")])
    cache.written(changes)
    assert labels(cache, 1) == ["new"]


def test_writes_to_other_tables_are_not_kept(cache):
    changes = Changes()
    changes.insert("objects", [{"id": "1"}])
    cache.written(changes)
    assert cache.statistics().entries == 0


@pytest.mark.parametrize(("change", "known"), [(updated(1), ["new"]), (deleted(1), None)])
def test_a_read_that_began_before_a_write_does_not_bring_back_old_rows(cache, change, known):
    version = cache.version
    cache.written(change)
    cache.fill({flow(1): [row(1)]}, version)
    assert labels(cache, 1) == known


@pytest.mark.parametrize("change", [updated(1), deleted(1)])
def test_nor_when_the_written_row_was_dropped_for_others(cache, change):
    version = cache.version
    cache.written(change)
    filled(cache, 2, 3, 4)
    cache.fill({flow(1): [row(1)]}, version)
    assert cache.known(flow(1)) is None


def test_nor_when_all_was_forgotten_in_between(cache):
    version = cache.version
    cache.clear()
    cache.fill({flow(1): [row(1)]}, version)
    assert cache.known(flow(1)) is None


def test_a_read_that_began_after_a_write_is_kept(cache):
    cache.written(deleted(1))
    cache.fill({flow(1): [row(1, "made again")]}, cache.version)
    assert labels(cache, 1) == ["made again"]


def test_rows_are_dropped_without_keeping_later_reads_out(cache):
    for number in range(20):
        filled(cache, number)
        assert labels(cache, number) == ["old"]


def test_hits_and_misses_are_counted(cache):
    filled(cache, 1)
    cache.rows([flow(1)])
    with pytest.raises(Missing):
        cache.rows([flow(2)])
    assert cache.statistics() == (1, 1, 1)

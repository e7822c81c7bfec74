from collections.abc import KeysView

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.examination.key_pages import Key
from services.metadata.adapters.vast.queries import ROW_ID, Lookup, Missing, Row, Select
from services.metadata.adapters.vast.reading.cache import RowCache
from services.metadata.adapters.vast.schema import COLUMNS
from services.shared import freshness
from services.vast_client.filters.filters import EVERYTHING

SECONDS = 10.0


class Clock:
    """Advances by a microsecond with each reading."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 1e-6
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


def fill(cache: RowCache, *numbers: int) -> None:
    cache.fill({flow(number): [row(number)] for number in numbers}, cache.clock())


def update_of(number: int, label: str = "new") -> Changes:
    changes = Changes()
    changes.update("flows", row(number), {"label": label})
    return changes


def deletion_of(number: int) -> Changes:
    changes = Changes()
    changes.delete("flows", row(number))
    return changes


def labels(cache: RowCache, number: int) -> list[object] | None:
    rows = cache.known(flow(number))
    return None if rows is None else [row["label"] for row in rows]


def test_rows_that_were_read_are_known(cache: RowCache) -> None:
    fill(cache, 1, 2)
    assert cache.rows([flow(1), flow(2)]) == [[row(1)], [row(2)]]


def test_an_unknown_row_makes_all_queries_missing(cache: RowCache) -> None:
    fill(cache, 1)
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
def test_only_whole_rows_by_their_ids_are_kept(cache: RowCache, query: Lookup) -> None:
    cache.fill({query: [row(1)]}, cache.clock())
    with pytest.raises(Missing):
        cache.rows([query])


def test_a_range_is_never_known(cache: RowCache) -> None:
    fill(cache, 1)
    with pytest.raises(Missing):
        cache.rows([Select("flows", EVERYTHING, COLUMNS["flows"])])


def test_a_missing_row_is_not_kept(cache: RowCache) -> None:
    cache.fill({flow(1): []}, cache.clock())
    assert cache.known(flow(1)) is None


def test_rows_are_forgotten_after_their_time(cache: RowCache, clock: Clock) -> None:
    fill(cache, 1)
    clock.now += SECONDS - 0.001
    assert labels(cache, 1) == ["old"]
    clock.now += 0.002
    assert labels(cache, 1) is None


def test_rows_that_are_read_again_are_kept_longer(cache: RowCache, clock: Clock) -> None:
    fill(cache, 1)
    clock.now += SECONDS - 1
    fill(cache, 1)
    clock.now += 2
    assert labels(cache, 1) == ["old"]


def test_a_cache_with_a_time_of_zero_keeps_no_rows_of_reads(clock: Clock) -> None:
    cache = RowCache(3, 0, clock)
    fill(cache, 1)
    assert cache.known(flow(1)) is None


def test_a_cache_with_a_time_of_zero_keeps_no_rows_of_writes(clock: Clock) -> None:
    cache = RowCache(3, 0, clock)
    cache.written(update_of(1), cache.clock())
    assert cache.known(flow(1)) is None
    assert cache.statistics().entries == 0


def test_the_oldest_row_is_dropped_if_there_are_too_many(cache: RowCache) -> None:
    fill(cache, 1, 2, 3)
    fill(cache, 4)
    assert [labels(cache, number) for number in (1, 2, 3, 4)] == [None, ["old"], ["old"], ["old"]]
    assert cache.statistics().entries == 3


def test_a_written_row_is_known_at_once(cache: RowCache) -> None:
    fill(cache, 1)
    cache.written(update_of(1), cache.clock())
    assert labels(cache, 1) == ["new"]


def test_an_inserted_row_is_known_at_once(cache: RowCache) -> None:
    changes = Changes()
    changes.insert("flows", [row(1)])
    cache.written(changes, cache.clock())
    assert labels(cache, 1) == ["old"]


def test_a_deleted_row_is_not_known(cache: RowCache) -> None:
    fill(cache, 1)
    cache.written(deletion_of(1), cache.clock())
    assert cache.known(flow(1)) is None


def test_a_row_that_is_deleted_and_inserted_in_one_change_is_the_inserted_one(cache: RowCache) -> None:
    changes = deletion_of(1)
    changes.insert("flows", [row(1, "new")])
    cache.written(changes, cache.clock())
    assert labels(cache, 1) == ["new"]


def test_writes_to_other_tables_are_not_kept(cache: RowCache) -> None:
    changes = Changes()
    changes.insert("objects", [{"id": "1"}])
    cache.written(changes, cache.clock())
    assert cache.statistics().entries == 0


@pytest.mark.parametrize("change", [update_of(1), deletion_of(1)])
def test_a_read_that_began_before_a_write_does_not_restore_old_rows(cache: RowCache, change: Changes) -> None:
    began = cache.clock()
    cache.written(change, cache.clock())
    cache.fill({flow(1): [row(1)]}, began)
    assert labels(cache, 1) in (["new"], None)


@pytest.mark.parametrize("change", [update_of(1), deletion_of(1)])
def test_a_read_that_began_before_a_write_is_not_kept_after_the_row_was_dropped(
    cache: RowCache, change: Changes
) -> None:
    began = cache.clock()
    cache.written(change, cache.clock())
    fill(cache, 2, 3, 4)
    cache.fill({flow(1): [row(1)]}, began)
    assert cache.known(flow(1)) is None


def test_a_read_that_began_before_the_cache_was_cleared_is_not_kept(cache: RowCache) -> None:
    began = cache.clock()
    cache.clear()
    cache.fill({flow(1): [row(1)]}, began)
    assert cache.known(flow(1)) is None


def test_a_read_that_began_after_a_write_is_kept(cache: RowCache) -> None:
    cache.written(deletion_of(1), cache.clock())
    cache.fill({flow(1): [row(1, "made again")]}, cache.clock())
    assert labels(cache, 1) == ["made again"]


def test_reads_are_kept_after_older_rows_were_dropped(cache: RowCache) -> None:
    for number in range(20):
        fill(cache, number)
        assert labels(cache, number) == ["old"]


def test_the_time_of_a_row_begins_with_its_transaction(cache: RowCache, clock: Clock) -> None:
    began = cache.clock()
    clock.now += 4
    cache.fill({flow(1): [row(1)]}, began)
    clock.now += SECONDS - 4 - 0.001
    assert labels(cache, 1) == ["old"]
    clock.now += 0.002
    assert labels(cache, 1) is None


def test_a_read_that_takes_longer_than_the_time_is_not_kept(cache: RowCache, clock: Clock) -> None:
    began = cache.clock()
    clock.now += SECONDS + 1
    cache.fill({flow(1): [row(1)]}, began)
    assert labels(cache, 1) is None


def test_a_slow_read_does_not_replace_a_newer_one(cache: RowCache, clock: Clock) -> None:
    slow = cache.clock()
    cache.fill({flow(1): [row(1, "new")]}, cache.clock())
    clock.now += 1
    cache.fill({flow(1): [row(1, "old")]}, slow)
    assert labels(cache, 1) != ["old"]


def test_a_row_read_during_a_commit_may_be_newer_than_the_commit(cache: RowCache) -> None:
    began = cache.clock()
    cache.fill({flow(1): [row(1, "newest")]}, cache.clock())
    cache.written(update_of(1), began)
    assert labels(cache, 1) in (["newest"], None)


def test_a_row_older_than_the_requested_time_is_not_known(cache: RowCache, clock: Clock) -> None:
    fill(cache, 1)
    clock.now += 1
    assert cache.known(flow(1), cache.clock()) is None
    fill(cache, 1)
    assert cache.known(flow(1), clock.now - 0.5) == [row(1)]


def test_a_row_is_recent_while_other_caches_may_have_an_older_one(cache: RowCache, clock: Clock) -> None:
    def read(*rows: Row) -> KeysView[Key]:
        return cache.fill({flow(1): list(rows)}, cache.clock()).keys()

    assert read(row(1)) == {"1"}
    assert read(row(1)) == {"1"}
    clock.now += SECONDS
    assert read(row(1)) == set()
    assert read(row(1, "new")) == {"1"}
    clock.now += SECONDS + 1
    assert read(row(1, "new")) == set()
    assert read() == {"1"}


def test_a_row_from_the_cache_is_reported_as_recent(cache: RowCache, clock: Clock) -> None:
    def reported() -> freshness.RecentRows | None:
        freshness.recent_rows.set(None)
        cache.rows([flow(1)])
        return freshness.recent_rows.get()

    fill(cache, 1)
    clock.now += 1
    recent = reported()
    assert recent is not None
    assert (recent.rows, recent.process) == (frozenset({freshness.row_key("1")}), cache.process)
    assert recent.age_us == pytest.approx(10**6, abs=100)
    clock.now += SECONDS - 2
    fill(cache, 1)
    clock.now += 2
    assert reported() is None


def test_a_list_updates_known_rows_and_adds_none(cache: RowCache) -> None:
    fill(cache, 1)
    assert cache.update_listed("flows", [row(1, "new"), row(2)], cache.clock()).keys() == {"1", "2"}
    assert (labels(cache, 1), labels(cache, 2)) == (["new"], None)


def test_a_listed_row_is_not_replaced_by_an_older_read(cache: RowCache) -> None:
    began = cache.clock()
    cache.update_listed("flows", [row(1, "new")], cache.clock())
    cache.fill({flow(1): [row(1, "old")]}, began)
    assert cache.known(flow(1)) is None


# The label of the row is a number that only increases.
_STEPS = st.lists(
    st.tuples(
        st.sampled_from(("commit", "other commit", "begin", "end commit", "end read", "drop", "wait", "hit")),
        st.integers(0, 3),
        st.booleans(),
    ),
    max_size=60,
)


class Model:
    """Reads and writes of one process, which begin, reach the database and end in any order."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cache = RowCache(2, SECONDS, self.clock)
        self.committed = 0
        self.reads: list[tuple[float, int]] = []
        self.commits: list[tuple[float, int]] = []
        self.shown = 0
        self.answered = 0.0
        self.times = [(0.0, 0)]

    def change(self) -> None:
        """Commit a change of this process or another."""
        self.committed += 1
        self.times.append((self.clock(), self.committed))

    def commit(self, others: bool) -> None:
        began = self.clock()
        self.change()
        self.commits.append((began, self.committed))
        if others:
            self.change()

    def begin(self, others: bool) -> None:
        began = self.clock()
        if others:
            self.change()
        self.reads.append((began, self.committed))

    def end_commit(self) -> None:
        if self.commits:
            began, value = self.commits.pop(0)
            self.cache.written(update_of(1, str(value)), began)
            self.show(value, began)

    def end_read(self, index: int, listing: bool) -> None:
        if not self.reads:
            return
        began, value = self.reads.pop(index % len(self.reads))
        if listing:
            self.cache.update_listed("flows", [row(1, str(value))], began)
        else:
            self.cache.fill({flow(1): [row(1, str(value))]}, began)
        self.show(value, began)

    def hit(self) -> None:
        rows = self.cache.known(flow(1))
        if rows is not None:
            value = int(str(rows[0]["label"]))
            self.show(value, self.clock())
            assert value >= [known for at, known in self.times if at <= self.clock.now - SECONDS][-1]

    def show(self, value: int, asked_at: float) -> None:
        """Check that a question after an answer is not answered with an older value."""
        if asked_at >= self.answered:
            assert value >= self.shown
        self.shown = max(self.shown, value)
        self.answered = self.clock()

    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    def step(self, kind: str, number: int, flag: bool) -> None:
        {
            "commit": lambda: self.commit(flag),
            "other commit": self.change,
            "begin": lambda: self.begin(flag),
            "end commit": self.end_commit,
            "end read": lambda: self.end_read(number, flag),
            "drop": lambda: fill(self.cache, 2, 3),
            "wait": lambda: self.wait(number),
            "hit": self.hit,
        }[kind]()


@given(_STEPS)
@settings(max_examples=300)
def test_answers_are_never_older_than_earlier_ones_or_than_the_time(
    steps: list[tuple[str, int, bool]],
) -> None:
    model = Model()
    for step in steps:
        model.step(*step)


def test_hits_and_misses_are_counted(cache: RowCache) -> None:
    fill(cache, 1)
    cache.rows([flow(1)])
    for query in (flow(2), Lookup("segments", "flow", 1, COLUMNS["segments"])):
        with pytest.raises(Missing):
            cache.rows([query])
    assert cache.statistics() == (1, 1, 1)

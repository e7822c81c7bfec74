"""Turns of writers: small changes side by side, a slow change alone."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from services.metadata.adapters.vast.writing.turns import Turns

SECONDS = 60


class Writer:
    """A thread that takes a turn and keeps it until `end` is called."""

    def __init__(self, turn: Callable[[], AbstractContextManager[None]]) -> None:
        self.writes = threading.Event()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(turn,), daemon=True)
        self._thread.start()

    def _run(self, turn: Callable[[], AbstractContextManager[None]]) -> None:
        with turn():
            self.writes.set()
            self._end.wait(SECONDS)

    def end(self) -> None:
        self._end.set()
        self._thread.join(SECONDS)


def test_small_changes_write_side_by_side() -> None:
    turns = Turns()
    with turns.shared(), turns.shared():
        pass


def test_a_writer_alone_waits_for_earlier_writers_and_blocks_later_ones() -> None:
    turns = Turns()
    first = Writer(turns.shared)
    assert first.writes.wait(SECONDS)
    slow = Writer(turns.exclusive)
    assert not slow.writes.wait(0.05)
    later = Writer(turns.shared)
    assert not later.writes.wait(0.05)
    first.end()
    assert slow.writes.wait(SECONDS)
    assert not later.writes.is_set()
    slow.end()
    assert later.writes.wait(SECONDS)
    later.end()


def test_a_failed_write_ends_its_turn() -> None:
    turns = Turns()
    for turn in (turns.exclusive, turns.shared):
        try:
            with turn():
                raise ValueError
        except ValueError:
            pass
    with turns.exclusive():
        pass

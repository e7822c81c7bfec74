"""Ends the transactions of other processes that hang or were killed, when this one loses rows to them.

Such a transaction keeps its rows from all writers until the database ends it. All that this process sees is
that it loses. So it looks into the journals of the others. A process that only was slow finds its transaction
gone and makes the change again.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.vast_client.endpoints.background import Background
from services.vast_client.journals.abandoned import Abandoned, find_abandoned
from services.vast_client.journals.journal import Journal, State, journals, read_note

# A process hangs if its journal has the same beat in this number of looks. They are counted, not timed: none
# is suspected only because this process could not look for a while.
LOOKS: Final = 5
# Writers that keep losing try again several times between two looks, and have 6.5 s for all of them.
_LOOK_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class Peers:
    """The processes that write their journals into the same folder. Thread-safe.

    `end` rolls back a transaction and returns True if it has ended. `adopt` gets the journals of killed
    processes.
    """

    def __init__(
        self,
        journal: Journal,
        end: Callable[[int], bool],
        adopt: Callable[[list[Abandoned]], None],
        *,
        threaded: bool = True,
    ) -> None:
        self._own = journal.path
        self._end = end
        self._adopt = adopt
        self._is_losing = self._looks = False
        # The number of looks since the journal of a transaction had another beat.
        self._silent: dict[tuple[Path, int, int], int] = {}
        self._ended: set[int] = set()
        self._background = Background("vast-peers", self.once, threaded=threaded)

    def suspect(self) -> None:
        """Look for transactions that hang, because this process lost a row to another transaction."""
        self._is_losing = True
        if not self._looks:
            self._looks = True
            self._background.wake()

    def once(self) -> float | None:
        """Look once; returns the seconds until the next look, None if this process does not lose any more."""
        # This comes first, so that a loss meanwhile wakes the thread again.
        self._looks = False
        if not self._is_losing:
            self._silent.clear()
            return None
        self._looks, self._is_losing = True, False
        self._adopt(find_abandoned(self._own.parent))
        self._look()
        return _LOOK_SECONDS

    def close(self) -> None:
        """Stop."""
        self._background.stop(_LOOK_SECONDS)

    def _look(self) -> None:
        silent: dict[tuple[Path, int, int], int] = {}
        for path in journals(self._own.parent):
            note = read_note(path)
            for txid, state in note.states.items() if path != self._own else ():
                key = (path, txid, note.beat)
                silent[key] = self._silent.get(key, 0) + 1
                if state == State.GIVEN_UP or (state == State.WROTE and silent[key] >= LOOKS):
                    self._end_of(txid)
        self._silent = silent
        self._ended &= {txid for _, txid, _ in silent}

    def _end_of(self, txid: int) -> None:
        if txid not in self._ended and self._end(txid):
            self._ended.add(txid)
            _log.warning("ended transaction %d of another process, which hangs and kept rows locked", txid)

"""Copies objects to another backend, or moves them, many in one call. Each call can be repeated."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.media.application.copying.object_copying import PENDING, Copied, ObjectCopying
from services.media.application.ports import ObjectRegistry
from services.media.domain.object import ObjectLocation
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.errors import InvalidArgument, NotFound, TamsError

MAX_OBJECTS: Final = 100
# No copy begins after the first, and a call returns after the second. Together less than callers wait.
BEGIN_SECONDS: Final = 20.0
CALL_SECONDS: Final = 25.0


class _Order(NamedTuple):
    location: ObjectLocation
    target: StorageBackend
    move: bool
    # A time of the event loop; the copy does not begin later.
    begin_until: float


class Copies:
    """Copies up to `concurrency` objects at a time. Copies of large objects outlive the call."""

    def __init__(
        self,
        backends: StorageBackends,
        registry: ObjectRegistry,
        copying: ObjectCopying,
        concurrency: int,
    ) -> None:
        self._backends = backends
        self._registry = registry
        self._copying = copying
        self._slots = asyncio.Semaphore(concurrency)
        # By object, backend and whether it moves. Those that wait for a slot end with their call, so they
        # are bounded.
        self._running: dict[tuple[str, str, bool], asyncio.Task[Copied | TamsError]] = {}

    async def copy(
        self, object_ids: Sequence[str], storage_id: str, *, move: bool
    ) -> Sequence[Copied | TamsError]:
        """The outcome or the error of each object, in order.

        InvalidArgument UNKNOWN_STORAGE or TOO_MANY_ITEMS.
        """
        if len(object_ids) > MAX_OBJECTS:
            raise InvalidArgument(f"give at most {MAX_OBJECTS} object ids", reason="TOO_MANY_ITEMS")
        target = self._backends.choose(storage_id)
        located = {each.location.object_id: each.location for each in await self._registry.locate(object_ids)}
        now = asyncio.get_running_loop().time()
        tasks = {
            object_id: self._task(_Order(located[object_id], target, move, now + BEGIN_SECONDS))
            for object_id in dict.fromkeys(object_ids)
            if object_id in located
        }
        if tasks:
            await asyncio.wait(tasks.values(), timeout=CALL_SECONDS)
        return [
            _outcome(tasks[object_id]) if object_id in tasks else _not_found(object_id)
            for object_id in object_ids
        ]

    async def close(self) -> None:
        """End the copies that are being written. A later call takes them up again."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(self, order: _Order) -> asyncio.Task[Copied | TamsError]:
        key = order.location.object_id, order.target.id, order.move
        if key not in self._running:
            task = asyncio.create_task(self._run(order))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        return self._running[key]

    async def _run(self, order: _Order) -> Copied | TamsError:
        try:
            async with asyncio.timeout_at(order.begin_until):
                await self._slots.acquire()
        except TimeoutError:
            return PENDING
        try:
            return await self._copying.copy(order.location, order.target, move=order.move)
        except TamsError as error:
            return error
        finally:
            self._slots.release()


def _outcome(task: asyncio.Task[Copied | TamsError]) -> Copied | TamsError:
    return task.result() if task.done() else PENDING


def _not_found(object_id: str) -> NotFound:
    return NotFound(f"no object {object_id[:64]!r} in this store", reason="OBJECT_NOT_FOUND")

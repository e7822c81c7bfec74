"""Runs steps in threads ahead of the caller who takes their results, up to a limit."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def run_ahead(steps: Sequence[Callable[[], T | None]], limit: int) -> Generator[T, None, None]:
    """The results of steps, in any order. Each step is repeated until it returns None.

    At most `limit` steps run or have a result that was not taken. Closing it early waits for running steps.
    """
    waiting = deque(steps)
    running: dict[Future[T | None], Callable[[], T | None]] = {}
    with ThreadPoolExecutor(min(limit, len(waiting)), "ahead") as pool:
        try:
            while waiting or running:
                while waiting and len(running) < limit:
                    step = waiting.popleft()
                    running[pool.submit(step)] = step
                future = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
                step, result = running.pop(future), future.result()
                del future
                if result is not None:
                    yield result
                    waiting.append(step)
        finally:
            pool.shutdown(cancel_futures=True)

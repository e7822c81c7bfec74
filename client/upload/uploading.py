"""Uploads planned files, several at once; a file that fails does not stop the others."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from client.api import ApiError, LoginFailed, TamsClient, Unreachable, UploadRules
from client.essence.errors import EssenceError
from client.upload.labels import Labels
from client.upload.planning import Plan, plan
from client.upload.storing import Storing

# Stage, bytes done, bytes in total.
Report = Callable[[str, int, int], None]
# Opens the report of one file.
Watch = Callable[[Path], AbstractContextManager[Report]]


class State(StrEnum):
    """The end of the upload of a file."""

    STORED = "stored"
    PLANNED = "would be stored"
    LEFT_OUT = "left out"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome for one file; `plan` is None if the file could not be read.

    `reason` says why it was not stored.
    """

    path: Path
    state: State
    plan: Plan | None = None
    reason: str = ""


class Uploading:
    """Uploads files into a store."""

    def __init__(
        self,
        store: TamsClient,
        labels: Labels,
        rules: UploadRules,
        *,
        any_file: bool = False,
        dry_run: bool = False,
    ) -> None:
        self._store = store
        self._labels = labels
        self._rules = rules
        self._any_file = any_file
        self._dry_run = dry_run
        self._first_with: dict[str, Path] = {}

    async def run(self, paths: Sequence[Path], parallel: int, watch: Watch) -> AsyncGenerator[Outcome, None]:
        """Upload the files, `parallel` of them at once; yields each outcome as it is known.

        Unreachable and LoginFailed end all, as no other file would fare better.
        """
        waiting = iter(paths)
        running: set[asyncio.Task[Outcome]] = set()
        try:
            while True:
                for path in waiting:
                    running.add(asyncio.ensure_future(self._file(path, watch)))
                    if len(running) >= parallel:
                        break
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _file(self, path: Path, watch: Watch) -> Outcome:
        planned: Plan | None = None
        try:
            with watch(path) as report:
                planned = await asyncio.to_thread(self._plan, path, report)
                return await self._stored(planned, report)
        except (Unreachable, LoginFailed):
            raise
        except (ApiError, EssenceError, ValueError) as error:
            return Outcome(path=path, state=State.FAILED, plan=planned, reason=str(error))
        except OSError as error:
            return Outcome(path=path, state=State.FAILED, plan=planned, reason=error.strerror or str(error))

    def _plan(self, path: Path, report: Report) -> Plan:
        return plan(
            path,
            self._labels,
            any_file=self._any_file,
            progress=lambda done, total: report("reading", done, total),
        )

    async def _stored(self, planned: Plan, report: Report) -> Outcome:
        first = self._first_with.setdefault(planned.digest, planned.path)
        if first != planned.path:
            reason = f"same content as {first}"
            return Outcome(path=planned.path, state=State.LEFT_OUT, plan=planned, reason=reason)
        storing = Storing(self._store, planned, self._rules)
        if await storing.is_stored():
            if not self._dry_run:
                await storing.finish()
            reason = f"stored already as flow {planned.flow_id}"
            return Outcome(path=planned.path, state=State.LEFT_OUT, plan=planned, reason=reason)
        if self._dry_run:
            return Outcome(path=planned.path, state=State.PLANNED, plan=planned)
        await storing.store(lambda done, total: report("sending", done, total))
        return Outcome(path=planned.path, state=State.STORED, plan=planned)

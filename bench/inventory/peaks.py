"""The most memory and CPU time that the processes of a command took, and the size of its temporary files."""

import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from bench.running.processes import own_memory

_EVERY_SECONDS: Final = 0.1
_MIB: Final = 1024 * 1024


class Peaks:
    """Watches a process and its children until they end. `folder` has their temporary files."""

    def __init__(self, process: psutil.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        # By the name of the process: MiB of its own memory, without mapped files; seconds of CPU time.
        self.memory: dict[str, float] = defaultdict(float)
        self.cpu_seconds: dict[str, float] = defaultdict(float)
        self.file_bytes = 0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def wait(self) -> None:
        """Return when the process has ended."""
        self._thread.join()

    def _watch(self) -> None:
        with suppress(psutil.NoSuchProcess):
            while self._process.status() != psutil.STATUS_ZOMBIE:
                for each in (self._process, *self._process.children()):
                    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                        self._note(each)
                sizes = (path.stat().st_size for path in self._folder.rglob("*") if path.is_file())
                self.file_bytes = max(self.file_bytes, sum(sizes))
                time.sleep(_EVERY_SECONDS)

    def _note(self, process: psutil.Process) -> None:
        command = process.cmdline()
        if "-m" not in command:  # a child that has not begun its command yet
            return
        name = command[command.index("-m") + 1]
        times = process.cpu_times()
        self.memory[name] = max(self.memory[name], own_memory(process) / _MIB)
        self.cpu_seconds[name] = max(self.cpu_seconds[name], times.user + times.system)

"""The settings in force: those of the environment, and over them those of a file that may change."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Generic, NoReturn, TypeVar

from services.shared.errors import StartupError
from services.shared.process import logs
from services.shared.process.background import background
from services.shared.process.settings import RUNTIME_FILE, ProcessSettings, changeable_names, replaced
from services.shared.process.telemetry import Telemetry
from services.shared.telemetry.metrics import Labels, Metrics
from services.shared.watched_files import WatchedFiles

S = TypeVar("S", bound=ProcessSettings)

LOOK_SECONDS: Final = 1.0
MAX_BYTES: Final = 64 * 1024
_log = logging.getLogger(__name__)


class RuntimeSettings(Generic[S]):
    """`current` are the settings in force. With no file, or an absent one, they are those of the start.

    A file that cannot be used changes nothing. It ends no process either, also at the start: a mistake in it
    would otherwise keep replicas from starting for as long as it lasts.
    """

    def __init__(self, settings: S, prefix: str, metrics: Metrics) -> None:
        """`prefix` is that of the names of this process."""
        self.current = settings
        self.is_refused = False
        self._at_start = settings
        self._prefix = prefix
        self._names = changeable_names(type(settings), prefix)
        self._users: list[Callable[[S], None]] = []
        self._watched = WatchedFiles(filter(None, [settings.runtime_file]))
        self._publish(metrics)
        self._read()

    def apply(self, use: Callable[[S], None]) -> None:
        """Call `use` with the settings in force: now, and after each change."""
        use(self.current)
        self._users.append(use)

    async def follow(self) -> NoReturn:
        """Read the file again whenever it has changed, until cancelled."""
        is_pending = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # A file that changes may not be written to its end, so it is read once it has stayed the same.
            if self._watched.have_changed():
                is_pending = True
            elif is_pending:
                is_pending = False
                self._read()

    def _read(self) -> None:
        path = self._at_start.runtime_file
        try:
            found = replaced(self._at_start, self._prefix, lines_of(path) if path else {})
        except StartupError as error:
            self.is_refused = True
            _log.warning("the run-time settings cannot be used; the old ones stay: %s", error)
            return
        if self.is_refused:
            _log.info("the run-time settings can be used again")
        self.is_refused = False
        self._change(found)

    def _change(self, settings: S) -> None:
        before, self.current = self._values(), settings
        changes = [
            (name, before[name], value) for name, value in self._values().items() if before[name] != value
        ]
        # A change of the level may silence these lines, or let them through.
        is_heard = _log.isEnabledFor(logging.INFO)
        if is_heard:
            _log_changes(changes)
        for use in self._users if changes else ():
            use(settings)
        if not is_heard:
            _log_changes(changes)

    def _values(self) -> dict[str, Any]:
        """The settings that may change, by the names of their environment variables."""
        return {name: getattr(self.current, field) for field, name in self._names.items()}

    def _publish(self, metrics: Metrics) -> None:
        metrics.gauge(
            "tams_runtime_settings_refused",
            "1 if the file of run-time settings cannot be used, so that older ones are in force.",
            lambda: float(self.is_refused),
        )
        metrics.gauge(
            "tams_setting_info", "The settings in force that may change.", self._labels, "setting", "value"
        )

    def _labels(self) -> dict[Labels, float]:
        return {(name, _text(value)): 1.0 for name, value in self._values().items()}


@asynccontextmanager
async def open_runtime(settings: S, prefix: str, telemetry: Telemetry) -> AsyncIterator[RuntimeSettings[S]]:
    """The settings in force until the block ends. Levels of logs and the sampling of traces follow them."""
    runtime = RuntimeSettings(settings, prefix, telemetry.metrics)
    if not settings.runtime_file:
        yield runtime
        return
    runtime.apply(lambda current: logs.set_levels(current.log_level, current.log_levels))
    runtime.apply(lambda current: telemetry.sample(current.trace_ratio, current.trace_slow_seconds))
    async with background(runtime.follow()):
        yield runtime


def lines_of(path: str) -> dict[str, str]:
    """The settings in a file, by name; none if it does not exist. StartupError for one that is malformed.

    A line is NAME=value; blanks around both, empty lines and lines that begin with # have no meaning.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        name, is_setting, value = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        # The text of a malformed line is not shown, as nobody knows what it is.
        if not is_setting or not name.startswith("TAMS_"):
            raise StartupError(f"line {number} of {path} is not the NAME=value of a setting")
        if name in found:
            raise StartupError(f"line {number} of {path}: {name} is given twice")
        found[name] = value
    return found


def _text_of(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StartupError(f"{RUNTIME_FILE}: cannot read {path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise StartupError(f"{RUNTIME_FILE}: {path} has more than {MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise StartupError(f"{RUNTIME_FILE}: {path} is not text in UTF-8") from None


def _log_changes(changes: list[tuple[str, Any, Any]]) -> None:
    for name, old, new in changes:
        _log.info("a setting has changed", extra={"setting": name, "old": _text(old), "new": _text(new)})


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

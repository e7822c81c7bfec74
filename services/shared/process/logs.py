"""Structured logs on stderr: one JSON object for each line, or plain text for a terminal."""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

from services.shared.telemetry.trace import current as current_trace

Format = Literal["auto", "json", "text"]
Level = Literal["debug", "info", "warning", "error"]

# The id of the current request. Log lines and the gRPC metadata of calls contain it.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Their debug lines have headers of requests, with signatures and the ids of keys.
_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "httpcore")

_LEVEL: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)=(debug|info|warning|error)")
# The levels that loggers had before they got those of the settings.
_levels_before: dict[str, int] = {}

_STANDARD_FIELDS = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time, level, service, logger, message, ids of the request, `extra` fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        if (trace := current_trace.get()) is not None:
            line["trace_id"], line["span_id"] = trace.trace_id, trace.span_id
        line.update((k, v) for k, v in vars(record).items() if k not in _STANDARD_FIELDS)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII only, so that a text of a caller can neither break the line nor be impossible to write.
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Formats a record for people: time, level, service, message, and the fields of `extra` as name=value."""

    def __init__(self, service: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {service}: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in logging
        """The line without the traceback."""
        fields = {k: v for k, v in vars(record).items() if k not in _STANDARD_FIELDS}
        if current := request_id.get():
            fields["request_id"] = current
        return " ".join([super().formatMessage(record), *(f"{k}={_shown(v)}" for k, v in fields.items())])


def _shown(value: object) -> str:
    """The value in one word; as JSON if it has blanks or characters that a terminal would not print."""
    text = str(value)
    is_word = text.isascii() and text.isprintable() and " " not in text
    return text if is_word and text else json.dumps(text)


def configure(service: str, level: Level, log_format: Format = "auto", levels: str = "") -> None:
    """Write the log records of this process to stderr; auto is text on a terminal. See `set_levels`."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        handler.setFormatter(JsonFormatter(service))
    else:
        handler.setFormatter(TextFormatter(service))
    logging.basicConfig(handlers=[handler], force=True)
    set_levels(level, levels)


def set_levels(level: Level, levels: str = "") -> None:
    """Write records from `level` on, and those of single loggers from their level on; see `levels_of`.

    Loggers that had a level of their own and are not named any more get back the one before.
    """
    chosen = dict.fromkeys(_TALKATIVE, "info") if level == "debug" else {}
    chosen |= levels_of(levels)
    logging.root.setLevel(level.upper())
    for name in _levels_before.keys() - chosen.keys():
        logging.getLogger(name).setLevel(_levels_before.pop(name))
    for name, own in chosen.items():
        logger = logging.getLogger(name)
        _levels_before.setdefault(name, logger.level)
        logger.setLevel(own.upper())


def levels_of(text: str) -> dict[str, str]:
    """The levels of loggers in a comma list such as services.media=debug, by name.

    ValueError for a malformed list, and for debug lines that would show credentials.
    """
    levels = {}
    for item in filter(None, map(str.strip, text.split(","))):
        if (match := _LEVEL.fullmatch(item)) is None:
            raise ValueError("write logger=level, with the level debug, info, warning or error")
        name, level = match.groups()
        if name == "root":
            raise ValueError("root is the level of all loggers, which has a setting of its own")
        if level == "debug" and name.partition(".")[0] in _TALKATIVE:
            raise ValueError(f"the debug lines of {name} show signatures and the ids of keys")
        levels[name] = level
    return levels

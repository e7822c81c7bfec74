"""Structured logs on stderr: one JSON object for each line, or plain text for a terminal."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

from services.shared.telemetry.trace import current as current_trace

Format = Literal["auto", "json", "text"]

# The id of the current request. Log lines and the gRPC metadata of calls contain it.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# Their debug lines have headers of requests, with signatures and the ids of keys.
_TALKATIVE = ("botocore", "boto3", "s3transfer", "urllib3", "httpcore")

_STANDARD_FIELDS = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time, level, service, message, the ids of the request, fields of `extra`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
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


def configure(service: str, level: str, log_format: Format = "auto") -> None:
    """Write all log records of this process from `level` on to stderr; auto is text on a terminal."""
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        handler.setFormatter(JsonFormatter(service))
    else:
        handler.setFormatter(TextFormatter(service))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.INFO if level == "debug" else logging.NOTSET)

"""Structured logs on stderr: one JSON object a line, or plain text for a terminal."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

Format = Literal["auto", "json", "text"]

# The id of the request being served; gRPC metadata and log lines carry it.
request_id: ContextVar[str] = ContextVar("request_id", default="")

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, service, message, request_id and whatever `extra` holds."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "message": record.getMessage(),
        }
        if current := request_id.get():
            line["request_id"] = current
        line.update((k, v) for k, v in vars(record).items() if k not in _PLAIN)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # In ASCII, so that no text a caller sends can break a line or fail to be written.
        return json.dumps(line, default=str)


def configure(service: str, level: str, form: Format = "auto") -> None:
    """Send every log record of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json" or (form == "auto" and not sys.stderr.isatty()):
        handler.setFormatter(JsonFormatter(service))
    else:
        handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {service}: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)

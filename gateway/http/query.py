"""Query strings: raw text to typed parameters, InvalidArgument for what cannot be read.

Parsed by hand because TAMS has parameters with open names (tag.{name}) and clients that send raw
brackets; unknown parameters are ignored.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import unquote_to_bytes

from services.shared.errors import InvalidArgument
from services.shared.ids import is_uuid
from services.shared.timerange import TimeRange

MAX_PARAMETERS: Final = 200
# Page sizes are clamped by the services far below this; it only has to fit an int32.
MAX_LIMIT: Final = 1_000_000
_MAX_DIGITS: Final = 18
_MAX_NUMBER: Final = 10**_MAX_DIGITS


class Query:
    """The parameters of one request."""

    __slots__ = ("_values", "pairs")

    def __init__(self, raw: str) -> None:
        self.pairs = _pairs(raw) if raw else []
        self._values = dict(self.pairs)

    def text(self, name: str) -> str | None:
        """The value, None when the parameter is absent. InvalidArgument when it is given twice."""
        value = self._values.get(name)
        if value is not None and len(self._values) != len(self.pairs):
            self._refuse_repeats(name)
        return value

    def _refuse_repeats(self, name: str) -> None:
        if sum(given == name for given, _ in self.pairs) > 1:
            raise _bad(name, "is given more than once")

    def flag(self, name: str) -> bool | None:
        """True for "true", False for "false"."""
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise _bad(name, "must be true or false")
        return None if value is None else value == "true"

    def number(self, name: str, *, minimum: int = 0) -> int | None:
        """A whole number; one of more digits than any limit or size has counts as the largest."""
        value = self.text(name)
        if value is None:
            return None
        number = -1
        if value.isascii() and value.isdecimal():
            number = int(value) if len(value) <= _MAX_DIGITS else _MAX_NUMBER
        if number < minimum:
            raise _bad(name, f"must be a whole number of at least {minimum}")
        return number

    def limit(self, name: str = "limit") -> int:
        """The page size asked for, 0 when absent."""
        return min(self.number(name, minimum=1) or 0, MAX_LIMIT)

    def page(self) -> str:
        """The page key, empty for the first page."""
        return self.text("page") or ""

    def uuid(self, name: str) -> str | None:
        """A TAMS id."""
        value = self.text(name)
        if value is not None and not is_uuid(value):
            raise _bad(name, "must be a lower-case UUID of version 1 to 5")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of a fixed set of texts."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise _bad(name, f"must be one of {', '.join(allowed)}")
        return value

    def timerange(self, name: str = "timerange") -> TimeRange | None:
        """A time range; an empty value counts as absent."""
        value = self.text(name)
        try:
            return TimeRange.parse(value) if value else None
        except InvalidArgument as error:
            raise InvalidArgument(f"query parameter {name!r}: {error.summary}", reason=error.reason) from None

    def words(self, name: str) -> list[str] | None:
        """The items of a comma list; an empty value is an empty list."""
        value = self.text(name)
        if value is None:
            return None
        items = value.split(",") if value else []
        if len(items) > MAX_PARAMETERS:
            raise _bad(name, f"has more than {MAX_PARAMETERS} items")
        if "" in items:
            raise _bad(name, "has an empty item")
        return items

    def named(self, prefix: str) -> dict[str, str]:
        """Name (all that follows the prefix, dots included) to value of each such parameter."""
        found = {name: value for name, value in self.pairs if name.startswith(prefix)}
        for name in found:
            self.text(name)
        return {name.removeprefix(prefix): value for name, value in found.items()}

    def named_flags(self, prefix: str) -> dict[str, bool]:
        """As `named`, for parameters that are true or false."""
        return {name: bool(self.flag(prefix + name)) for name in self.named(prefix)}


def _pairs(raw: str) -> list[tuple[str, str]]:
    parts = [part for part in raw.split("&") if part]
    if len(parts) > MAX_PARAMETERS:
        raise InvalidArgument(f"more than {MAX_PARAMETERS} query parameters", reason="BAD_QUERY")
    return [_pair(part) for part in parts]


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise InvalidArgument("the query is not UTF-8 once decoded", reason="BAD_QUERY") from None


def _bad(name: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"query parameter {name[:100]!r} {why}", reason="BAD_QUERY")

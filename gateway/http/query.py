"""Parses query strings into typed parameters; InvalidArgument BAD_QUERY for a malformed value.

We parse by hand because the names of some parameters are open (tag.{name}) and some clients send raw
brackets. Unknown parameters are ignored.
"""

from collections.abc import Collection
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.http import long_filters
from gateway.http.long_filters import LongFilters
from services.shared.errors import InvalidArgument
from services.shared.ids import is_uuid
from services.shared.timerange import TimeRange

MAX_PARAMETERS: Final = 200
# Page sizes must fit an int32; the services apply much lower limits.
MAX_LIMIT: Final = 1_000_000
NO_LONG_FILTERS: Final = LongFilters({}, {})
_MAX_DIGITS: Final = 18
_MAX_NUMBER: Final = 10**_MAX_DIGITS


class Query:
    """The parameters of one request, each read by name; a reader returns None if the parameter is absent."""

    __slots__ = ("_values", "long", "pairs")

    def __init__(self, raw: str) -> None:
        self.pairs = _pairs(raw) if raw else []
        self._values = dict(self.pairs)
        # Filters of which a link has only the digests.
        self.long = NO_LONG_FILTERS
        if long_filters.NAME in self._values:
            self.long = self._long_filters()

    def _long_filters(self) -> LongFilters:
        filters = LongFilters.parse(self.text(long_filters.NAME) or "")
        for name in (*filters.texts, *filters.lists):
            if name in self._values:
                raise _bad(name, "is given more than once")
        return filters

    def text(self, name: str) -> str | None:
        """The decoded value. InvalidArgument if the parameter is given more than once."""
        value = self._values.get(name)
        if value is not None and len(self._values) != len(self.pairs):
            self._refuse_repeats(name)
        return value

    def _refuse_repeats(self, name: str) -> None:
        if sum(pair_name == name for pair_name, _ in self.pairs) > 1:
            raise _bad(name, "is given more than once")

    def flag(self, name: str) -> bool | None:
        """True for "true", False for "false", InvalidArgument for another value."""
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise _bad(name, "must be true or false")
        return None if value is None else value == "true"

    def number(self, name: str, *, minimum: int = 0) -> int | None:
        """A whole number from `minimum` to 10**18; a larger one counts as 10**18."""
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
        """The requested page size, 1 to MAX_LIMIT; 0 if absent."""
        return min(self.number(name, minimum=1) or 0, MAX_LIMIT)

    def page(self) -> str:
        """The page key; "" for the first page."""
        return self.text("page") or ""

    def uuid(self, name: str) -> str | None:
        """A TAMS id: a lower-case UUID of version 1 to 5."""
        value = self.text(name)
        if value is not None and not is_uuid(value):
            raise _bad(name, "must be a lower-case UUID of version 1 to 5")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of the allowed texts."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise _bad(name, f"must be one of {', '.join(allowed)}")
        return value

    def timerange(self, name: str = "timerange") -> TimeRange | None:
        """A time range, clamped to the range of timestamps; an empty value counts as absent."""
        value = self.text(name)
        try:
            return TimeRange.parse_clamped(value) if value else None
        except InvalidArgument as error:
            raise InvalidArgument(f"query parameter {name!r}: {error.summary}", reason=error.reason) from None

    def words(self, name: str) -> list[str] | None:
        """The items of a comma list, at most MAX_PARAMETERS; an empty value is an empty list."""
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
        """The values of all parameters that start with the prefix, by the rest of their names."""
        values = {name: value for name, value in self.pairs if name.startswith(prefix)}
        for name in values:
            self.text(name)
        return {name.removeprefix(prefix): value for name, value in values.items()}

    def named_flags(self, prefix: str) -> dict[str, bool]:
        """Like `named`, for parameters with the value true or false."""
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
        raise InvalidArgument("the query is not UTF-8 after percent-decoding", reason="BAD_QUERY") from None


def _bad(name: str, fault: str) -> InvalidArgument:
    return InvalidArgument(f"query parameter {name[:100]!r} {fault}", reason="BAD_QUERY")

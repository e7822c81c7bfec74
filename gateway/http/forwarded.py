"""The URL that the client used and its address, as trusted proxies report them.

They stand in X-Forwarded-* or in Forwarded (RFC 7239).
A proxy that writes one of the two forms passes the other on as the client sent it, so they are never mixed.
Proxies append to these lists; the items before those of the trusted proxies may be made up by the client.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from gateway.http import hosts
from gateway.http.rsgi import Headers
from gateway.settings import ForwardedHeader

T = TypeVar("T")

_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PAIR: Final = re.compile(rf'({_WORD})=(?:({_WORD})|"((?:[^"\\]|\\.)*)")')
_SEPARATOR: Final = re.compile(r"[ \t]*([;,])[ \t]*")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~\-]+)*/?")
_ESCAPED: Final = re.compile(r"\\(.)")
_MAX_PREFIX: Final = 256


class Entry(NamedTuple):
    """Host, scheme and path prefix that a proxy reported; "" for one that is absent or malformed."""

    host: str = ""
    proto: str = ""
    prefix: str = ""


class Forwarded:
    """Reads the headers that a chain of `count` trusted proxies wrote in the form `family`."""

    def __init__(self, family: ForwardedHeader = "any", count: int = 1) -> None:
        self._family = family
        self._count = count

    def entry(self, headers: Headers) -> Entry:
        """The values of the outermost trusted proxy. With `any`, an X-Forwarded-* header hides Forwarded."""
        lists = {name: headers.get_all(f"x-forwarded-{name}") for name in Entry._fields}
        if self._family == "x-forwarded" or (self._family == "any" and any(lists.values())):
            return _checked({name: self._outermost(_items(lines), "") for name, lines in lists.items()})
        elements = _elements(",".join(headers.get_all("forwarded")).strip(" \t"))
        return _checked(self._outermost(elements, {}))

    def address(self, headers: Headers) -> str | None:
        """The IP address from which the outermost trusted proxy was called; None if it is not reported.

        As for `entry`, with `any` an X-Forwarded-* header hides Forwarded.
        """
        lines = headers.get_all("x-forwarded-for")
        if self._family == "forwarded" or (self._family == "any" and not lines and not _has_other(headers)):
            elements = _elements(",".join(headers.get_all("forwarded")).strip(" \t"))
            return _address(self._outermost(elements, {}).get("for", ""))
        return _address(self._outermost(_items(lines), ""))

    def _outermost(self, items: Sequence[T], default: T) -> T:
        # A list with fewer items than proxies was replaced by one of them, so all of it is trusted.
        return items[max(0, len(items) - self._count)] if items else default


def _checked(values: Mapping[str, str]) -> Entry:
    host, proto, prefix = (values.get(name, "") for name in Entry._fields)
    return Entry(
        host=host if hosts.parse(host) else "",
        proto=proto.lower() if proto.lower() in ("http", "https") else "",
        prefix=prefix if len(prefix) <= _MAX_PREFIX and _PREFIX.fullmatch(prefix) else "",
    )


def _has_other(headers: Headers) -> bool:
    return any(f"x-forwarded-{name}" in headers for name in Entry._fields)


def _address(text: str) -> str | None:
    """The IP address in an item such as 192.0.2.1, 192.0.2.1:4711, 2001:db8::1 or [2001:db8::1]:4711."""
    host = hosts.parse(text) or hosts.parse(f"[{text}]")
    return None if host is None or host.address is None else str(host.address)


def _items(lines: Sequence[str]) -> list[str]:
    return [item for part in ",".join(lines).split(",") if (item := part.strip(" \t"))]


def _elements(text: str) -> list[dict[str, str]]:
    """The elements of Forwarded without empty ones; [] if any part of the text is malformed."""
    elements: list[dict[str, str]] = [{}]
    position = 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is not None:
            name = pair[1].lower()
            if name in elements[-1]:
                return []
            elements[-1][name] = pair[2] if pair[3] is None else _ESCAPED.sub(r"\1", pair[3])
            position = pair.end()
        separator = _SEPARATOR.match(text, position)
        if separator is None:
            return [] if position < len(text) else [element for element in elements if element]
        position = separator.end()
        if separator[1] == ",":
            elements.append({})
    return [element for element in elements if element]

"""Checks of HTTP/1.1 requests that the server leaves out (RFC 9112, sections 3.2 and 6.1)."""

from typing import Final

from gateway.errors import BadHost, UnknownTransferCoding
from gateway.http import hosts
from gateway.http.rsgi import Scope

_HTTP_1_0: Final = "1"


def check(scope: Scope) -> None:
    """BadHost unless there is exactly one valid Host; UnknownTransferCoding for any coding but `chunked`."""
    values = scope.headers.get_all("host")
    # HTTP/1.0 has no Host header; the server adds an empty one.
    if not (
        len(values) == 1 and (hosts.parse(values[0]) or (not values[0] and scope.http_version == _HTTP_1_0))
    ):
        raise BadHost("a request must have exactly one Host header, with a name or address in it")
    if "transfer-encoding" in scope.headers:
        _check_codings(scope.headers.get_all("transfer-encoding"))


def _check_codings(values: list[str]) -> None:
    codings = [item.strip().lower() for item in ",".join(values).split(",")]
    if [coding for coding in codings if coding] != ["chunked"]:
        raise UnknownTransferCoding("the only supported transfer coding is chunked, given once")

"""Decides who may call /x/admin, an extension for operators.

The API has no users, so administration is off unless the operator turns it on. Even then only programs may
call it: a web page in a browser on the operator's machine could reach a store on loopback, and the headers
that only browsers send give it away. Requests through a proxy or tunnel are refused, because they would open
administration to everybody who reaches the proxy, unless the operator lists the hosts for which it is open.
"""

import re
from typing import Final

from gateway.errors import UnknownPath
from gateway.http import hosts
from gateway.http.requests import Request
from gateway.http.rsgi import Headers, Scope
from services.shared.errors import PermissionDenied, StartupError

SETTING: Final = "TAMS_GATEWAY_ADMIN_HOSTS"

_OF_BROWSERS: Final = ("origin", "sec-fetch-site", "sec-fetch-mode", "referer")
# Headers that proxies, tunnels and CDNs add to requests that they forward: full names, and prefixes of names.
_OF_PROXIES: Final = frozenset(
    {
        *("via", "forwarded", "cdn-loop", "true-client-ip", "client-ip", "x-real-ip", "x-real-port"),
        *("x-client-ip", "x-cluster-client-ip", "x-remote-ip", "x-remote-addr", "x-originating-ip"),
        *("x-host", "x-scheme", "x-proxy-id", "x-nginx-proxy", "x-amzn-trace-id", "proxy-connection"),
        *("fastly-client-ip", "incap-client-ip", "x-sucuri-clientip", "x-varnish"),
    }
)
_PREFIXES_OF_PROXIES: Final = (
    *("x-forwarded", "x-original-", "x-envoy-", "x-azure-", "x-arr-", "x-appengine-", "x-amz-cf-"),
    *("cf-", "fly-", "ngrok-", "tailscale-", "akamai-", "x-akamai-", "x-cloud-trace", "x-proxyuser-"),
)
# Only paths without percent-encoding, because a proxy may have rules that compare raw paths.
_PLAIN: Final = re.compile(r"(/[A-Za-z0-9_\-]+)+")
_HTTP_1_0: Final = "1"


class Gate:
    """Checks each request to administration."""

    def __init__(self, *, offered: bool, open_hosts: str = "") -> None:
        """`open_hosts` is a comma list of host names, or `*` for all. StartupError for a bad host name."""
        self._offered = offered
        names = [name for part in open_hosts.split(",") if (name := part.strip())]
        self._open_to_all = "*" in names
        self._open = frozenset(map(_name, (name for name in names if name != "*")))

    def check(self, request: Request) -> None:
        """PermissionDenied unless administration is offered and a program calls it from an allowed place.

        Allowed are calls from this machine to localhost without a proxy, and calls to an open host.
        UnknownPath for a path with percent-encoding.
        """
        if not self._offered:
            raise PermissionDenied("administration is not offered here", reason="ADMIN_NOT_OFFERED")
        if not _PLAIN.fullmatch(request.scope.raw_path):
            raise UnknownPath("paths of administration must not be percent-encoded")
        if any(name in request.headers for name in _OF_BROWSERS):
            raise PermissionDenied("administration is not for browsers", reason="ADMIN_FROM_BROWSER")
        host = hosts.parse(request.headers.get("host") or "")
        is_open = host is not None and host.name in self._open
        if not (is_open or self._open_to_all):
            _check_local(request.scope, host)


def _check_local(scope: Scope, host: hosts.Host | None) -> None:
    if (sign := _sign_of_proxy(scope)) is not None:
        raise _refusal(f"administration is not offered through proxies ({sign})", "ADMIN_THROUGH_PROXY")
    if host is None or not host.is_loopback or not hosts.is_loopback(scope.client):
        raise _refusal("administration is only offered to this machine, as localhost", "ADMIN_NOT_LOCAL")


def _sign_of_proxy(scope: Scope) -> str | None:
    if scope.http_version == _HTTP_1_0:
        return "HTTP/1.0, which some proxies use"
    return _header_of_proxy(scope.headers)


def _header_of_proxy(headers: Headers) -> str | None:
    return next(
        (name for name in headers.names() if name in _OF_PROXIES or name.startswith(_PREFIXES_OF_PROXIES)),
        None,
    )


def _refusal(fault: str, reason: str) -> PermissionDenied:
    return PermissionDenied(f"{fault}; {SETTING} lists the hosts for which it is open", reason=reason)


def _name(text: str) -> str:
    host = hosts.parse(text) or hosts.parse(f"[{text}]")
    if host is None or host.port is not None:
        raise StartupError(f"{SETTING}: {text!r} is not a host name")
    return host.name

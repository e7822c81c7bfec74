"""CORS (WHATWG Fetch): web pages of any origin may read, without cookies. `origins` decides who may write."""

import re
from http import HTTPStatus
from typing import Final

from gateway.http.origins import READS
from gateway.http.responses import Header, Response
from gateway.http.routing import Route
from gateway.http.rsgi import Headers

# Listed by name, because "*" means a header called "*" if the request carries credentials.
EXPOSED: Final = (
    "Allow",
    "Content-Length",
    "ETag",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Paging-Count",
    "X-Paging-Limit",
    "X-Paging-NextKey",
    "X-Paging-Reverse-Order",
    "X-Paging-Timerange",
    "X-Request-Id",
)

# Added to every response, errors included.
EVERYWHERE: Final[tuple[Header, ...]] = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", ", ".join(EXPOSED)),
)

_MAX_AGE_SECONDS: Final = 86_400

# Headers that web pages may always send; the answer to a preflight adds those it requests.
ALLOWED: Final = (
    "Accept",
    "Accept-Language",
    "Authorization",
    "Baggage",
    "Cache-Control",
    "Content-Language",
    "Content-MD5",
    "Content-Type",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Unmodified-Since",
    "Pragma",
    "Range",
    "Traceparent",
    "Tracestate",
    "X-Request-Id",
    "X-Requested-With",
)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_MAX_REQUESTED: Final = 32


def preflight(route: Route, headers: Headers, *, may_write: bool) -> Response:
    """The answer to OPTIONS. Browsers send no credentials with it, so it needs none.

    It allows every requested header, because no header that a page can send decides anything here. It allows
    only the reading methods unless `may_write`.
    """
    allowed = route.allowed if may_write else [method for method in route.allowed if method in READS]
    return Response(
        HTTPStatus.NO_CONTENT,
        headers=(
            ("allow", ", ".join(route.allowed)),
            ("access-control-allow-methods", ", ".join(allowed)),
            ("access-control-allow-headers", ", ".join((*ALLOWED, *_requested(headers)))),
            ("access-control-max-age", str(_MAX_AGE_SECONDS)),
            ("vary", "Origin, Access-Control-Request-Headers"),
        ),
    )


def _requested(headers: Headers) -> list[str]:
    items = ",".join(headers.get_all("access-control-request-headers")).split(",")
    names = dict.fromkeys(item.strip().lower() for item in items[:_MAX_REQUESTED])
    always_allowed = {name.lower() for name in ALLOWED}
    return [name for name in names if name not in always_allowed and _TOKEN.fullmatch(name)]

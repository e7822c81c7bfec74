"""CORS (WHATWG Fetch): pages of any origin may call the API; it uses no cookies."""

from http import HTTPStatus
from typing import Final

from gateway.http.responses import Header, Response
from gateway.http.routing import Route

# Named one by one: "*" means a header called "*" once a request carries credentials.
EXPOSED: Final = (
    "Allow",
    "Link",
    "Location",
    "Retry-After",
    "X-Paging-Count",
    "X-Paging-Limit",
    "X-Paging-NextKey",
    "X-Paging-Reverse-Order",
    "X-Paging-Timerange",
    "X-Request-Id",
)

# On every response, errors included.
EVERYWHERE: Final[tuple[Header, ...]] = (
    ("access-control-allow-origin", "*"),
    ("access-control-expose-headers", ", ".join(EXPOSED)),
)

_MAX_AGE_SECONDS: Final = 86_400


def preflight(route: Route) -> Response:
    """The answer to OPTIONS; it needs no credentials, since browsers send none."""
    methods = ", ".join(route.allowed)
    headers = (
        ("allow", methods),
        ("access-control-allow-methods", methods),
        ("access-control-allow-headers", "Authorization, Content-Type, X-Request-Id"),
        ("access-control-max-age", str(_MAX_AGE_SECONDS)),
    )
    return Response(HTTPStatus.NO_CONTENT, headers=headers)

"""URLs that this store does not control: the rules for those of a segment (TAMS 7.0 flow-segment-post.json).

Every reader of a segment gets its URLs and opens them. So they are http or https URLs unless an operator
allows more schemes, and none leads a reader to services of its own machine, such as a cloud's metadata.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from services.metadata.domain.documents.jsons import ENCODE
from services.shared.addresses import is_local_service
from services.shared.errors import StartupError
from services.shared.json.reading import refuse

MAX_URLS: Final = 100
MAX_URL: Final = 8192
MAX_LABEL: Final = 1024
# The limit of the JSON of a segment's URLs, so that it fits into one cell of every table engine.
MAX_URLS_BYTES: Final = 120_000
# Three URLs with labels are never longer than that.
_SMALL: Final = 3

WEB: Final = frozenset({"http", "https"})
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
# A host that browsers and HTTP clients use without rewriting it, or an IPv6 address in brackets.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?|\[[0-9A-Fa-f:.]+\]")
_PORT: Final = re.compile(r"(?::[0-9]{0,5})?")
# A URL up to its path. The lists that clients post name few hosts, so the checks of these are remembered.
_ORIGIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]{1,255}(?=[/?#]|\Z)")


class ExternalUrl(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A URL that this store does not control; it was posted with its segment."""

    url: str
    label: str | None = None


def url_schemes(text: str) -> frozenset[str]:
    """http, https and the schemes in a comma-separated list such as "s3,gs".

    StartupError if an item of the list is not a scheme.
    """
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    for name in names:
        if not _SCHEME.fullmatch(name):
            raise StartupError(f"{name!r} is not a URL scheme such as s3")
    return WEB.union(names)


def check_urls(urls: Sequence[ExternalUrl], schemes: Collection[str], reserved: Collection[str]) -> None:
    """Check the URLs of a segment. `reserved` has the labels of storage backends.

    InvalidArgument BAD_URL for a URL that readers must not get, RESERVED_LABEL for a reserved label,
    BAD_SEGMENT for too many or too large URLs, or a label that is empty or too long.
    """
    if len(urls) > MAX_URLS:
        raise refuse(f"at most {MAX_URLS} URLs", "$.get_urls", "BAD_SEGMENT")
    for index, (url, label) in enumerate((item.url, item.label) for item in urls):
        path = f"$.get_urls[{index}]"
        if (problem := _url_problem(url, schemes)) is not None:
            raise refuse(problem, f"{path}.url", "BAD_URL")
        if label is None:
            continue
        if not 0 < len(label) <= MAX_LABEL:
            raise refuse(f"a label has 1 to {MAX_LABEL} characters", f"{path}.label", "BAD_SEGMENT")
        if label in reserved:
            problem = f"{label[:100]!r} is the label of a storage backend; choose another"
            raise refuse(problem, f"{path}.label", "RESERVED_LABEL")
    if len(urls) > _SMALL and len(ENCODE(urls)) > MAX_URLS_BYTES:
        raise refuse(f"more than {MAX_URLS_BYTES} bytes of JSON", "$.get_urls", "BAD_SEGMENT")


def _url_problem(url: str, schemes: Collection[str]) -> str | None:
    """The reason why readers must not get the URL; None if they may."""
    if not 0 < len(url) <= MAX_URL:
        return f"a URL has 1 to {MAX_URL} characters"
    # Some readers strip characters that they cannot print, others read a backslash as a slash.
    if not url.isprintable() or " " in url or "\\" in url:
        return "a URL has no spaces, control characters or backslashes"
    origin = _ORIGIN.match(url)
    scheme, problem = _origin_problem(origin[0]) if origin else _scheme_and_problem(url)
    if scheme is not None and scheme not in schemes:
        return f"the URL scheme must be one of {', '.join(sorted(schemes))}"
    return problem


def _scheme_and_problem(url: str) -> tuple[str | None, str | None]:
    """The scheme, None if this is no URL; and what is wrong with the address, None if readers may get it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None, "not a URL"
    return parts.scheme, _address_problem(parts)


_origin_problem: Final = lru_cache(maxsize=1024)(_scheme_and_problem)


def _address_problem(parts: SplitResult) -> str | None:
    if "@" in parts.netloc:
        return "a URL must not contain a user or password"
    if not parts.netloc and parts.scheme not in WEB:
        return None if parts.path.strip("/") else "the URL has neither a host nor a path"
    host = _HOST.match(parts.netloc)
    if host is None or not _PORT.fullmatch(parts.netloc, host.end()) or not _is_valid_host(host[0]):
        return "the URL has no valid host"
    if not _has_valid_port(parts):
        return "the URL has no valid port"
    if is_local_service(host[0].strip("[]")):
        return f"{host[0][:100]} is a local address, which leads each reader to its own machine"
    return None


def _is_valid_host(host: str) -> bool:
    """False if the host is in brackets but is not an IPv6 address."""
    try:
        return not host.startswith("[") or IPv6Address(host[1:-1]) is not None
    except ValueError:
        return False


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False

"""vast://host:port[,host:port…]/bucket/schema[?tls=false]: where the tables are."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from services.shared.errors import StartupError

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?")
_HIGHEST_PORT: Final = 65_535
_FORM: Final = "vast://host:port[,host:port…]/bucket/schema[?tls=false]"


@dataclass(frozen=True, slots=True)
class VastAddress:
    """Endpoints (URLs), and the bucket and schema that hold the tables."""

    endpoints: tuple[str, ...]
    bucket: str
    schema: str

    @classmethod
    def parse(cls, url: str) -> "VastAddress":
        """The address in a URL; StartupError when it is none."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise StartupError(f"TAMS_STORE_URL is not of the form {_FORM}") from None
        path = parts.path.removeprefix("/").removesuffix("/").split("/")
        hosts = parts.netloc.split(",")
        # The text is not repeated: somebody may have put a key where the host belongs.
        named = len(path) == len(("bucket", "schema")) and all(map(_NAME.fullmatch, path))
        if parts.scheme != "vast" or not named:
            raise StartupError(f"TAMS_STORE_URL is not of the form {_FORM}")
        if parts.fragment or not all(map(_is_host, hosts)):
            raise StartupError(f"TAMS_STORE_URL names a malformed host; the form is {_FORM}")
        scheme = "https" if _tls(parts.query) else "http"
        return cls(tuple(f"{scheme}://{host}" for host in dict.fromkeys(hosts)), *path)


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and (found[2] is None or 0 < int(found[2][1:]) <= _HIGHEST_PORT)


def _tls(query: str) -> bool:
    given = parse_qsl(query, keep_blank_values=True)
    options = dict(given)
    if options.keys() - {"tls"} or len(given) > 1 or options.get("tls", "true") not in ("true", "false"):
        raise StartupError("TAMS_STORE_URL takes one option, tls=true or tls=false")
    return options.get("tls") != "false"

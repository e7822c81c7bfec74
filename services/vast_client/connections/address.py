"""Parses the address of the tables: vast://host:port[,host:port…]/bucket/schema[?tls=false]."""

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from services.shared.errors import StartupError

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?")
_MAX_PORT: Final = 65_535
# The tables of a snapshot are below the bucket, as in the SDK.
_SNAPSHOT: Final = "/.snapshot/"
_SNAPSHOT_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+-]{0,254}")
_FORM: Final = "vast://host:port[,host:port…]/bucket/schema[?tls=false]"


@dataclass(frozen=True, slots=True)
class VastAddress:
    """The URLs of the endpoints, and the bucket and schema of the tables.

    `bucket` includes the snapshot if the tables are those of one.
    """

    endpoints: tuple[str, ...]
    bucket: str
    schema: str

    @classmethod
    def parse(cls, url: str) -> "VastAddress":
        """The address in a URL. StartupError if it is malformed."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise StartupError(f"TAMS_STORE_URL is not of the form {_FORM}") from None
        path = parts.path.removeprefix("/").removesuffix("/").split("/")
        hosts = parts.netloc.split(",")
        # The errors do not quote the URL, because it may contain a key in the wrong place.
        has_names = len(path) == len(("bucket", "schema")) and all(map(_NAME.fullmatch, path))
        if parts.scheme != "vast" or not has_names:
            raise StartupError(f"TAMS_STORE_URL is not of the form {_FORM}")
        if parts.fragment or not all(map(_is_host, hosts)):
            raise StartupError(f"TAMS_STORE_URL has a malformed host; the form is {_FORM}")
        scheme = "https" if _tls(parts.query) else "http"
        return cls(tuple(f"{scheme}://{host}" for host in dict.fromkeys(hosts)), *path)

    def in_snapshot(self, name: str) -> "VastAddress":
        """The same tables in a snapshot of the bucket, which is read-only. StartupError for a bad name."""
        if not _SNAPSHOT_NAME.fullmatch(name):
            raise StartupError(f"{name!r} is not a name of a snapshot")
        return replace(self, bucket=f"{self.bucket}{_SNAPSHOT}{name}")

    @property
    def live_bucket(self) -> str:
        """The bucket itself, also if the tables are those of a snapshot."""
        return self.bucket.partition(_SNAPSHOT)[0]

    @property
    def snapshot(self) -> str:
        """The name of the snapshot; empty without one."""
        return self.bucket.partition(_SNAPSHOT)[2]


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and (match[2] is None or 0 < int(match[2][1:]) <= _MAX_PORT)


def _tls(query: str) -> bool:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if options.keys() - {"tls"} or len(pairs) > 1 or options.get("tls", "true") not in ("true", "false"):
        raise StartupError("TAMS_STORE_URL takes one option, tls=true or tls=false")
    return options.get("tls") != "false"

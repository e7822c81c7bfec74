"""Presigned URLs (AWS Signature Version 4, "Authenticating Requests: Using Query Parameters")."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit

from services.media.domain.credentials import Credentials
from services.media.domain.signed_urls import SignedUrls

if TYPE_CHECKING:
    from hashlib import _Hash

Method = Literal["GET", "PUT"]

# The longest validity of a URL that S3 accepts.
MAX_EXPIRES_SECONDS: Final = 7 * 24 * 3600

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class UrlTemplate:
    """The parts that many signed URLs share: all but the key of the object and the signature."""

    before: str
    after: str
    # The hash of the canonical request up to the key, and the text that follows the key.
    request: tuple["_Hash", bytes] = field(repr=False)
    signature: "_Hmac" = field(repr=False)

    def sign(self, paths: bytes) -> SignedUrls:
        """The signed URLs for keys, given as `url_lines`."""
        return SignedUrls(self.before, self.after, paths, self._signatures(paths))

    def _signatures(self, paths: bytes) -> bytes:
        """A line for each URL with its signature, 64 hexadecimal digits."""
        start, end = self.request
        requests = []
        for path in paths.splitlines():
            request = start.copy()
            request.update(path + end)
            requests.append(request.hexdigest())
        return "".join([f"{code}\n" for code in self.signature.hexdigests(requests)]).encode()


class Presigner:
    """Signs the URLs of the objects of one bucket, whose own URL has no slash at its end.

    The whole path is signed, and the host with it, as the SDKs of AWS do.
    """

    def __init__(self, bucket_url: str, region: str, credentials: Credentials) -> None:
        self._bucket_url = f"{bucket_url}/"
        self._host = _host_header(bucket_url)
        self._path = urlsplit(self._bucket_url).path
        self._region = region
        self._credentials = credentials
        self._key_of_day = ("", b"")

    def template(
        self,
        method: Method,
        at: datetime,
        expires: int,
        headers: Mapping[str, str] = _NO_HEADERS,
        parameters: Mapping[str, str] = _NO_PARAMETERS,
    ) -> UrlTemplate:
        """A template of URLs that are signed at one UTC time and valid for `expires` seconds.

        Requests must have the headers with these values. `parameters` of the operation become part of the
        query; their names begin with a small letter.
        """
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        signed["host"] = self._host
        names = sorted(signed)
        query = self._query(stamp, scope, expires, ";".join(names))
        # A signed query is in the order of its names, and capital letters come first.
        query += "".join(f"&{name}={quote(parameters[name], safe='~')}" for name in sorted(parameters))
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        request_end = f"\n{query}\n{lines}\n{';'.join(names)}\nUNSIGNED-PAYLOAD"
        return UrlTemplate(
            before=self._bucket_url,
            after=f"?{query}&X-Amz-Signature=",
            request=(sha256(f"{method}\n{self._path}".encode()), request_end.encode()),
            signature=_Hmac(self._signing_key(stamp[:8]), f"{_ALGORITHM}\n{stamp}\n{scope}\n"),
        )

    def _query(self, stamp: str, scope: str, expires: int, signed_headers: str) -> str:
        parameters = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self._credentials.access_key}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires),
            "X-Amz-Security-Token": self._credentials.session_token,
            "X-Amz-SignedHeaders": signed_headers,
        }
        return "&".join(f"{name}={quote(value, safe='~')}" for name, value in parameters.items() if value)

    def _signing_key(self, day: str) -> bytes:
        if self._key_of_day[0] != day:
            key = f"AWS4{self._credentials.secret_key}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of_day = (day, key)
        return self._key_of_day[1]


class _Hmac:
    """HMAC-SHA-256 (RFC 2104) of texts with a common prefix, which is hashed once.

    Copies of Python's `hmac` take 1.6 us for each text, this takes 0.9 us. On a page of 300 segments with
    URLs that saves 0.2 ms of CPU.
    """

    def __init__(self, key: bytes, prefix: str) -> None:
        padded = key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in padded) + prefix.encode())
        self._outer = sha256(bytes(byte ^ 0x5C for byte in padded))

    def hexdigests(self, suffixes: Iterable[str]) -> list[str]:
        """The code of the prefix with each suffix, in hexadecimal digits."""
        codes = []
        for suffix in suffixes:
            inner, outer = self._inner.copy(), self._outer.copy()
            inner.update(suffix.encode())
            outer.update(inner.digest())
            codes.append(outer.hexdigest())
        return codes


def _host_header(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"

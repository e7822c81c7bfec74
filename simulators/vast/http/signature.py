"""AWS signature v4 as the SDK makes it: service s3, empty region, headers host and x-amz-date."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from simulators.vast.http.connection import Request
from simulators.vast.http.refusals import Refusal

MAX_SKEW_SECONDS = 15 * 60
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def check_signature(request: Request, secrets: Mapping[str, str]) -> None:
    """Raises Refusal (403) unless one of the keys signed this request for this host, just now."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        raise _forbidden("AccessDenied", "The request carries no AWS4-HMAC-SHA256 signature")
    secret = secrets.get(match["key"])
    if secret is None:
        raise _forbidden("InvalidAccessKeyId", "The access key is not known")
    _check_clock(request.headers.get("x-amz-date", ""))
    if hashlib.sha256(request.body).hexdigest() != request.headers.get("x-amz-content-sha256"):
        raise _forbidden("XAmzContentSHA256Mismatch", "The body is not the one that was signed")
    expected = _signature(request, secret, match["scope"], match["headers"])
    if not hmac.compare_digest(expected, match["signature"]):
        raise _forbidden("SignatureDoesNotMatch", "The signature is not that of this request to this host")


def _check_clock(stamp: str) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _forbidden("AccessDenied", "x-amz-date is missing or malformed") from error
    if abs((datetime.now(UTC) - signed).total_seconds()) > MAX_SKEW_SECONDS:
        raise _forbidden("RequestTimeTooSkewed", "The clocks of client and server differ too much")


def _signature(request: Request, secret: str, scope: str, signed_headers: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    digest = hashlib.sha256(_canonical(request, signed_headers).encode()).hexdigest()
    message = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    return _hmac(key, message).hex()


def _canonical(request: Request, signed_headers: str) -> str:
    query = "&".join(pair if "=" in pair else f"{pair}=" for pair in sorted(request.query.split("&")) if pair)
    headers = "".join(f"{name}:{request.headers.get(name, '')}\n" for name in signed_headers.split(";"))
    path = quote(request.path or "/", safe="/-_.~")
    payload = hashlib.sha256(request.body).hexdigest()
    return f"{request.method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}"


def _hmac(key: bytes, message: str) -> bytes:
    return hmac.new(key, message.encode(), hashlib.sha256).digest()


def _forbidden(code: str, message: str) -> Refusal:
    return Refusal(403, code, message)

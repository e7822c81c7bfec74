"""The CORS rule of a bucket: the headers that web pages may send and read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef

# "x-amz-*" covers checksums, `x-amz-content-sha256` and `x-amz-date`.
ALLOWED_HEADERS: Final = (
    "authorization",
    "cache-control",
    "content-md5",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "range",
    "traceparent",
    "x-amz-*",
    "x-requested-with",
)
# Patterns are not allowed here, so each header is listed.
EXPOSED_HEADERS: Final = (
    "Accept-Ranges",
    "Content-Length",
    "Content-Range",
    "ETag",
    "Last-Modified",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-request-id",
)
_MAX_AGE_SECONDS: Final = 3600


def cors_rule(origins: Sequence[str]) -> "CORSRuleTypeDef":
    """The rule that lets web pages of these origins use the signed URLs of the bucket."""
    return {
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        "AllowedHeaders": list(ALLOWED_HEADERS),
        "ExposeHeaders": list(EXPOSED_HEADERS),
        "MaxAgeSeconds": _MAX_AGE_SECONDS,
    }

"""`python -m bench.inventory.bucket PORT OBJECTS`: a bucket that lists objects and has no bytes.

Storing millions of objects would take hours, and the comparison reads listings alone. It answers
ListObjectsV2 in pages of 1000, as S3 does; the continuation token is the number of the next object.
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bench.inventory.objects import PREFIX, is_lost, key

_PAGE: Final = 1000
_ENTRY: Final = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>1000</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


def page(first: int, count: int) -> str:
    """The page of a listing that begins with an object, of `count` in all."""
    end = min(first + _PAGE, count)
    entries = "".join(_ENTRY.format(key(number)) for number in range(first, end) if not is_lost(number))
    is_last = end == count
    token = "" if is_last else f"<NextContinuationToken>{end}</NextContinuationToken>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Prefix>{PREFIX}</Prefix><MaxKeys>{_PAGE}</MaxKeys>{token}"
        f"<IsTruncated>{str(not is_last).lower()}</IsTruncated>{entries}</ListBucketResult>"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0

    def do_GET(self) -> None:
        """Answer with a page."""
        query = parse_qs(urlsplit(self.path).query)
        body = page(int(query.get("continuation-token", ["0"])[0]), self.count).encode()
        self.send_response(200)
        self.send_header("content-type", "application/xml")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


if __name__ == "__main__":
    _Handler.count = int(sys.argv[2])
    HTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler).serve_forever()

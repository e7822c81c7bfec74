"""A single GET, outside of measurements."""

import http.client


def body_of(port: int, target: str) -> bytes:
    """The body of a GET; RuntimeError unless it succeeds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", target)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status != http.client.OK:
        raise RuntimeError(f"GET {target}: {reply.status} {body[:300]!r}")
    return body

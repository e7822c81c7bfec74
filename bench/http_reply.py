"""A single request, outside of measurements."""

import http.client


def body_of(port: int, target: str, posted: bytes = b"") -> bytes:
    """The body of the reply to a GET, or to a POST of this JSON; RuntimeError unless it succeeds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    method, headers = ("POST", {"content-type": "application/json"}) if posted else ("GET", {})
    try:
        connection.request(method, target, posted or None, headers)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status not in (http.client.OK, http.client.CREATED):
        raise RuntimeError(f"{method} {target}: {reply.status} {body[:300]!r}")
    return body

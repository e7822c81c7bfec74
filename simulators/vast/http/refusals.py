"""Refused requests: an HTTP status with the XML error body that the SDK reads."""

from xml.sax.saxutils import escape


class Refusal(Exception):
    """A refused request: its reply is an error, and it changes nothing."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message

    def body(self) -> bytes:
        """Returns the XML error document."""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{escape(self.code)}</Code>'
            f"<Message>{escape(self.message)}</Message></Error>"
        ).encode()


def bad_request(code: str, message: str) -> Refusal:
    """Returns a 400: the request itself is wrong."""
    return Refusal(400, code, message)


def not_found(code: str, message: str) -> Refusal:
    """Returns a 404: the bucket, schema, table or row does not exist."""
    return Refusal(404, code, message)


def conflict(message: str) -> Refusal:
    """Returns a 409: it conflicts with another transaction or an existing name."""
    return Refusal(409, "TabularConflict", message)


def not_implemented(what: str) -> Refusal:
    """Returns a 501: only the real server supports the request."""
    return Refusal(501, "NotImplemented", f"The test server does not do {what}")


def forbidden(message: str) -> Refusal:
    """Returns a 403: the caller may not do this."""
    return Refusal(403, "AccessDenied", message)

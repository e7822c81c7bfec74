"""The trace of the requests of a client."""

import secrets
from collections.abc import Mapping


class RequestTrace:
    """Names the trace of all requests of a client, so that they are found together in logs and traces.

    The store records as many traces as it is set to; with `sampled` it is asked to record this one (W3C Trace
    Context). `id` is 32 hexadecimal digits.
    """

    def __init__(self, *, sampled: bool = False) -> None:
        self.id = secrets.token_hex(16)
        self.sampled = sampled

    def headers(self) -> Mapping[str, str]:
        """The headers of the next request."""
        named = {"X-Request-Id": self.id}
        if self.sampled:
            # A header without the flag would keep the store from recording the trace, whatever it is set to.
            named["traceparent"] = f"00-{self.id}-{secrets.token_hex(8)}-01"
        return named

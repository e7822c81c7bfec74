"""Paging headers (TAMS 7.0): the limit in force always, the way to the next page when there is one."""

from gateway.http.links import Links
from gateway.http.query import Query
from gateway.http.requests import Request
from gateway.http.responses import Header


class Paging:
    """Writes the paging headers that all lists share."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def headers(self, request: Request, query: Query, *, limit: int, next_token: str) -> list[Header]:
        """X-Paging-Limit; with more to come also X-Paging-NextKey and Link."""
        headers = [("x-paging-limit", str(limit))]
        if next_token:
            url = self._links.next_page(request, query, next_token)
            headers.append(("x-paging-nextkey", next_token))
            headers.append(("link", f'<{url}>; rel="next"'))
        return headers

"""Paging headers (TAMS 7.0): the page size on every page, the link to the next page if there is one."""

from gateway.http.links import Links
from gateway.http.query import Query
from gateway.http.requests import Request
from gateway.http.responses import Header


class Paging:
    """Writes the paging headers that all lists share."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def headers(self, request: Request, query: Query, *, limit: int, next_token: str) -> list[Header]:
        """X-Paging-Limit, and if `next_token` is not empty also X-Paging-NextKey and Link.

        QueryTooLong if the link would be too long.
        """
        headers = [("x-paging-limit", str(limit))]
        if next_token:
            url = self._links.next_page(request, query, next_token)
            headers.append(("x-paging-nextkey", next_token))
            headers.append(("link", f'<{url}>; rel="next"'))
        return headers

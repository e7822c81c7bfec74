"""Pages of users and API keys, which are few enough to be read together."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from services.metadata.application.pages import DEFAULT_PAGE, MAX_PAGE, Page, make_page
from services.shared.paging import decode_token, page_size

T = TypeVar("T")


def page_of(
    items: Iterable[T], listing: str, name: Callable[[T], str], requested_size: int, token: str
) -> Page[T]:
    """A page of items that ascend by name. InvalidArgument BAD_PAGE_TOKEN."""
    after = decode_token(token, listing, str)
    size = page_size(requested_size, default=DEFAULT_PAGE, maximum=MAX_PAGE)
    following = [item for item in items if after is None or name(item) > after]
    return make_page(following[: size + 1], size, listing, name)

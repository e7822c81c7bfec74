"""The changes of several writers to one flow, and the segments that a store may have after them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

_NEVER: Final = math.inf


@dataclass
class Post:
    """A registration: the times of its request and answer, and whether it was confirmed (None: unknown)."""

    second: int
    object_id: str
    sent: float
    answered: float = _NEVER
    confirmed: bool | None = None


@dataclass
class Deletion:
    """A deletion of seconds: the times of its request and answer, and whether it was confirmed."""

    first: int
    end: int
    sent: float
    answered: float = _NEVER
    confirmed: bool = False

    def may_have_deleted(self, post: Post) -> bool:
        """Whether the segment may have existed during the deletion."""
        return self.first <= post.second < self.end and post.sent <= self.answered

    def must_have_deleted(self, post: Post) -> bool:
        """Whether the segment existed before the deletion, and must be deleted."""
        return self.confirmed and self.first <= post.second < self.end and post.answered < self.sent


class SharedHistory:
    """Registrations by second, and deletions, since the last complete comparison."""

    def __init__(self) -> None:
        self._posts: dict[int, list[Post]] = {}
        self._deletions: list[Deletion] = []

    def post(self, second: int, object_id: str, now: float) -> Post:
        """Note a registration that is being sent."""
        post = Post(second, object_id, now)
        self._posts.setdefault(second, []).append(post)
        return post

    def delete(self, first: int, end: int, now: float) -> Deletion:
        """Note a deletion that is being sent."""
        deletion = Deletion(first, end, now)
        self._deletions.append(deletion)
        return deletion

    def confirmed(self) -> Iterator[Post]:
        """The registrations that were confirmed."""
        return (post for posts in self._posts.values() for post in posts if post.confirmed)

    def check(self, listed: Mapping[int, str]) -> None:
        """Check that no confirmed segment is lost, and that no deleted or refused segment exists."""
        assert not listed.keys() - self._posts.keys(), "a segment that no worker registered"
        for second, posts in self._posts.items():
            if second in listed:
                self._check_listed(posts, listed[second])
            elif lost := [post for post in posts if post.confirmed and not self._may_be_deleted(post)]:
                raise AssertionError(f"lost: {lost}; deletions there: {self._near(second)}")

    def check_walk(self, listed: Mapping[int, str], began: float) -> None:
        """Check that a walk since a time listed the segments that existed throughout it."""
        for post in list(self.confirmed()):
            left_out = post.answered < began and post.second not in listed
            assert not left_out or self._may_be_deleted(post), (
                f"a walk left out {post}, which existed throughout it"
            )

    def forget_all_but(self, listed: Mapping[int, str]) -> None:
        """Keep the segments that exist. All other changes have been checked."""
        kept = {
            second: [post for post in posts if post.object_id == listed.get(second)]
            for second, posts in self._posts.items()
        }
        self._posts = {second: posts for second, posts in kept.items() if posts}
        for posts in self._posts.values():
            posts[0].confirmed = True
        self._deletions = []

    def _check_listed(self, posts: list[Post], object_id: str) -> None:
        post = next((known for known in posts if known.object_id == object_id), None)
        assert post is not None, f"second {posts[0].second} has {object_id}, which no worker registered"
        assert post.confirmed is not False, f"{post} was refused, and exists"
        deletions = [deletion for deletion in self._deletions if deletion.must_have_deleted(post)]
        assert not deletions, f"{post} exists although it was deleted: {deletions}"

    def _may_be_deleted(self, post: Post) -> bool:
        return any(deletion.may_have_deleted(post) for deletion in self._deletions)

    def _near(self, second: int) -> list[Deletion]:
        return [deletion for deletion in self._deletions if deletion.first <= second < deletion.end][-5:]

"""Commits groups of changes, each exactly once, even if replies are lost."""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import NamedTuple, TypeAlias

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.writing.claims import Claim, claim, claims_of
from services.metadata.adapters.vast.writing.fence import Fence, Mark, OutcomeUnknown
from services.metadata.adapters.vast.writing.flush import flush
from services.metadata.adapters.vast.writing.locks import Locks
from services.shared.outcomes import Outcome
from services.vast_client.cluster import Cluster
from services.vast_client.failures import Clash, CommitUnknown, Failure, Unreachable
from services.vast_client.transactions.transaction import Transaction

# Runs the rules of a group on a transaction. Returns the outcome of each, and their writes.
Apply: TypeAlias = Callable[[Transaction], tuple[list[Outcome], Changes]]


class TooLong(Unreachable):
    """One attempt of a group took most of the time limit, so the next one would not end in time either."""


class Committed(NamedTuple):
    """The outcomes of the changes of a group, and their writes."""

    outcomes: list[Outcome]
    changes: Changes
    began: float
    """The time just before the commit was sent."""


class _Unanswered(NamedTuple):
    """A commit whose reply was lost."""

    txid: int
    mark: Mark
    result: Committed


class Committer:
    """Commits the groups of one thread."""

    def __init__(self, cluster: Cluster, fence: Fence) -> None:
        self._cluster = cluster
        self.fence = fence

    def commit(self, apply: Apply, locks: Locks, attempts: int) -> Committed:
        """Run and commit a group.

        OutcomeUnknown if the database does not show whether the group is committed; TooLong if an attempt
        takes most of the time limit.
        """
        group = _Attempts(self._cluster, self.fence, apply, locks)
        try:
            return self._cluster.run(group.attempt, attempts=attempts)
        except OutcomeUnknown:
            raise
        except Failure as failure:
            if group.unanswered is not None:
                raise OutcomeUnknown(str(failure)) from failure
            if isinstance(failure, Unreachable) and group.longest > self._cluster.budget / 2:
                raise TooLong(str(failure)) from failure
            raise


class _Attempts:
    """The attempts of one group. Its rules run again only if the earlier attempt is surely not committed."""

    def __init__(self, cluster: Cluster, fence: Fence, apply: Apply, locks: Locks) -> None:
        self.unanswered: _Unanswered | None = None
        # The rows that the earlier attempt lost to other transactions.
        self._claims: Mapping[str, Claim] = {}
        self.longest = 0.0  # seconds of the longest attempt
        self._cluster = cluster
        self._fence = fence
        self._apply = apply
        self._locks = locks

    def attempt(self, transaction: Transaction) -> Committed:
        """Commit the group, unless the earlier attempt did."""
        began = monotonic()
        try:
            return self._committed_earlier() or self._commit(transaction)
        finally:
            self.longest = max(self.longest, monotonic() - began)

    def _committed_earlier(self) -> Committed | None:
        """The result of the earlier attempt, if it was committed. Unreachable while that is unknown."""
        unanswered = self.unanswered
        if unanswered is None:
            return None
        is_committed = self._fence.is_committed(unanswered.txid, unanswered.mark)
        self.unanswered = None
        return unanswered.result if is_committed else None

    def _commit(self, transaction: Transaction) -> Committed:
        claim(transaction, self._claims)
        outcomes, changes = self._apply(transaction)
        if not changes:
            return Committed(outcomes, changes, monotonic())
        try:
            mark = self._write(transaction, changes)
        except Clash:
            self._claims = claims_of(changes)
            raise
        txid, result = transaction.txid or 0, Committed(outcomes, changes, monotonic())
        try:
            transaction.commit()
        except CommitUnknown as unknown:
            self.unanswered = _Unanswered(txid, mark, result)
            # The next attempt reads whether this one was committed.
            raise Unreachable(str(unknown)) from unknown
        return result

    def _write(self, transaction: Transaction, changes: Changes) -> Mark:
        mark = self._fence.mark(transaction)
        self._locks.take(transaction, changes.locks)
        flush(transaction, changes, self._cluster.catalog)
        return mark


def commit_repeatable(cluster: Cluster, transaction: Transaction) -> None:
    """Commit a change that does nothing if it was made before. After a lost reply, Clash makes it run again.

    OutcomeUnknown if the transaction may still be committed later.
    """
    txid = transaction.txid or 0
    try:
        transaction.commit()
    except CommitUnknown as unknown:
        if cluster.end(txid):
            raise Clash(str(unknown)) from unknown
        raise OutcomeUnknown(str(unknown)) from unknown

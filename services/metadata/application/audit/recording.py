"""Records a change in the audit log, in the transaction of the change.

A rule calls `record` once for what it changed. A new kind of change takes its time with `authored_moment`
before `store.write`, because rules run on another thread, and passes that to `record`.
"""

from services.metadata.application.clock import Moment
from services.metadata.application.ports import Tables
from services.metadata.domain.audit import NO_FACTS, Entry, Facts, Outcome, clip, encode_facts


def record(
    tables: Tables,
    now: Moment,
    action: str,
    resource: str,
    facts: Facts = NO_FACTS,
    *,
    versions: tuple[str | None, str | None] = (None, None),
    outcome: Outcome = Outcome.DONE,
) -> None:
    """Record an action of the caller on a resource, if this store has an audit log.

    `versions` are those of the resource before and after. Facts are no values of tags, URLs, passwords or
    keys.
    """
    if now.trail is not None:
        (principal, request_id), (before, after) = now.trail, versions
        tables.audit.append(
            Entry(
                now.ns,
                clip(principal),
                action,
                clip(resource),
                clip(request_id),
                before if before is None else clip(before),
                after if after is None else clip(after),
                outcome,
                encode_facts(facts),
            )
        )

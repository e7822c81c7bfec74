"""Running a group of rules on one transaction, with their reads sent together.

Rules are plain functions that read as they go, one row after the other; a request each would cost a
millisecond or more. They may be run more than once, so they are run for trial first: what a rule asks
and nobody knows yet ends its trial, the questions of all rules are asked together, and the trials start
again, one answer further. When nothing is missing any more, the rules run for good, one after the other,
each seeing what those before it did. A group of 64 writes so needs as many reads as one write.
"""

from collections.abc import Callable, Sequence
from typing import Final

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import Missing, Query
from services.metadata.adapters.vast.snapshot import Snapshot
from services.metadata.adapters.vast.workers import Job, Outcome
from services.metadata.application.ports import Stepwise, Tables
from services.shared.vast.failures import Failure

# Rules read some five times one after the other; those that go on longer ask for themselves.
_TRIALS: Final = 8


def run_all(jobs: Sequence[Job], tables: Tables, snapshot: Snapshot, changes: Changes) -> list[Outcome]:
    """The outcome of each job; `changes` holds afterwards what those that succeeded wrote."""
    if len(jobs) > 1:
        _fetch_together(jobs, tables, snapshot, changes)
    elif isinstance(rule := jobs[0].rule, Stepwise):
        _fetch_ahead(rule.steps(), tables, snapshot, changes)
    snapshot.eager = True
    return [_run(job, tables, changes) for job in jobs]


def _fetch_together(jobs: Sequence[Job], tables: Tables, snapshot: Snapshot, changes: Changes) -> None:
    open_jobs = list(jobs)
    for _ in range(_TRIALS):
        asked: dict[Query, None] = {}
        open_jobs = [job for job in open_jobs if _try(job.rule, tables, changes, asked)]
        if not asked:
            return
        snapshot.fetch(list(asked))


def _fetch_ahead(
    steps: Sequence[Callable[[Tables], object]], tables: Tables, snapshot: Snapshot, changes: Changes
) -> None:
    """What the steps of one rule will ask. Each sees what those before it did, as far as they came."""
    for _ in range(_TRIALS):
        mark = changes.mark()
        asked: dict[Query, None] = {}
        for step in steps:
            _try(step, tables, changes, asked, keep=True)
        changes.back_to(mark)
        if not asked:
            return
        snapshot.fetch(list(asked))


def _try(
    rule: Callable[[Tables], object],
    tables: Tables,
    changes: Changes,
    asked: dict[Query, None],
    *,
    keep: bool = False,
) -> bool:
    """Whether the rule asked something new; nothing of what it does stays, unless it succeeds and is kept."""
    mark = changes.mark()
    try:
        rule(tables)
    except Missing as missing:
        asked.update(dict.fromkeys(missing.queries))
        return True
    except Exception:  # noqa: BLE001 - what it raises counts when it runs for good
        return False
    else:
        mark = changes.mark() if keep else mark
    finally:
        changes.back_to(mark)
    return False


def _run(job: Job, tables: Tables, changes: Changes) -> Outcome:
    mark = changes.mark()
    try:
        return Outcome(job, job.rule(tables), None)
    except Failure:
        raise  # of the database: the whole group fails or runs again
    except Exception as error:  # noqa: BLE001 - it is the caller's, and undoes this change alone
        changes.back_to(mark)
        return Outcome(job, None, error)

"""Runs a group of rules in one transaction, and sends their reads together.

Rules are plain functions that read one row after the other. A request for each read would cost a millisecond
or more. Rules may run more than once, so they have trials first: a trial ends at the first query whose rows
were not fetched. The queries of all rules are sent together, and the trials start again with their rows. When
no rows are missing, the rules run in earnest, one after the other, and each sees the writes of those before
it. So a group of 64 writes needs as many requests for reads as a single write.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from services.metadata.adapters.vast.changes import Changes
from services.metadata.adapters.vast.queries import Missing, Query
from services.metadata.adapters.vast.reading.snapshot import Snapshot
from services.metadata.adapters.vast.running.workers import Job
from services.metadata.application.ports import Gathered, Stepwise, Tables
from services.shared.errors import DataDamaged
from services.shared.outcomes import Outcome
from services.vast_client.failures import Failure

_log = logging.getLogger(__name__)
# Most rules have about five reads in sequence. After these trials, a rule sends its further reads itself.
_TRIALS: Final = 8
Rule: TypeAlias = Callable[[Tables], object]


def run_all(jobs: Sequence[Job], tables: Tables, snapshot: Snapshot, changes: Changes) -> list[Outcome]:
    """The outcome of each job. The writes of those that succeed are added to `changes`."""
    rules = [rule for job in jobs for rule in _rules_of(job)]
    if len(rules) > 1:
        _fetch_together(rules, tables, snapshot, changes)
    elif rules and isinstance(rule := rules[0], Stepwise):
        _fetch_ahead(rule.steps(), tables, snapshot, changes)
    snapshot.eager = True
    return [_run(job, tables, changes) for job in jobs]


def _rules_of(job: Job) -> Sequence[Rule]:
    """The rules whose reads are fetched together: the rule of the job, or those of the callers in it."""
    return job.rule.steps if isinstance(job.rule, Gathered) else [job.rule]


def _fetch_together(rules: Sequence[Rule], tables: Tables, snapshot: Snapshot, changes: Changes) -> None:
    open_rules = list(rules)
    for _ in range(_TRIALS):
        missing_queries: dict[Query, None] = {}
        open_rules = [rule for rule in open_rules if _run_for_trial(rule, tables, changes, missing_queries)]
        if not missing_queries:
            return
        snapshot.fetch(list(missing_queries))


def _fetch_ahead(steps: Sequence[Rule], tables: Tables, snapshot: Snapshot, changes: Changes) -> None:
    """Fetch the rows that the steps of one rule will read. Each step sees the writes of those before it."""
    for _ in range(_TRIALS):
        mark = changes.mark()
        missing_queries: dict[Query, None] = {}
        for step in steps:
            _run_for_trial(step, tables, changes, missing_queries, keep=True)
        changes.back_to(mark)
        if not missing_queries:
            return
        snapshot.fetch(list(missing_queries))


def _run_for_trial(
    rule: Rule,
    tables: Tables,
    changes: Changes,
    missing_queries: dict[Query, None],
    *,
    keep: bool = False,
) -> bool:
    """Run a rule for trial; True if rows are missing, whose queries are added to `missing_queries`.

    Its writes are undone, unless it succeeds and `keep` is set.
    """
    mark = changes.mark()
    try:
        rule(tables)
    except Missing as missing:
        missing_queries.update(dict.fromkeys(missing.queries))
        return True
    except Exception:  # noqa: BLE001 - the rule raises it again when it runs in earnest
        return False
    else:
        mark = changes.mark() if keep else mark
    finally:
        changes.back_to(mark)
    return False


def _run(job: Job, tables: Tables, changes: Changes) -> Outcome:
    mark = changes.mark()
    try:
        return Outcome(job.future, job.rule(tables), None)
    except Failure:
        raise  # The database failed, so the whole group fails or runs again.
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        changes.back_to(mark)
        _log.error("stored data is damaged", exc_info=error)
        return Outcome(job.future, None, DataDamaged("stored data is damaged; see the log"))
    except Exception as error:  # noqa: BLE001 - it is for the caller, and undoes only this change
        changes.back_to(mark)
        return Outcome(job.future, None, error)

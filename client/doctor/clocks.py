"""Clocks: signed URLs and time ranges go wrong where they differ."""

import time
from email.utils import parsedate_to_datetime

from client.doctor.findings import Finding, fine, problem

# A Date header has whole seconds, and takes its time to arrive.
_TOLERATED_SECONDS = 5.0


def compare(check: str, name: str, date: str | None) -> list[Finding]:
    """Whether the clock of a server that sent a Date header just now agrees with ours."""
    if date is None:
        return []
    try:
        ahead = parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return [problem(check, f"{name} sends a Date that is none: {date[:40]!r}", "look what answers there")]
    if abs(ahead) <= _TOLERATED_SECONDS:
        return [fine(check, f"the clock of {name} agrees with this one")]
    how = "ahead of" if ahead > 0 else "behind"
    return [
        problem(
            check,
            f"the clock of {name} is {abs(ahead):.0f} s {how} this one",
            "run NTP on both: signed URLs are refused when clocks differ by minutes",
        )
    ]

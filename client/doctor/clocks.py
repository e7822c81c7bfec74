"""Compares clocks: if they differ, storage refuses signed URLs and time ranges are off."""

import time
from email.utils import parsedate_to_datetime

from client.doctor.findings import Finding, fine, problem

# A Date header has whole seconds, and some time passes before it arrives.
_TOLERATED_SECONDS = 5.0


def compare(check: str, name: str, date: str | None) -> list[Finding]:
    """A finding on the clock of a server that just sent this Date header; none without a header."""
    if date is None:
        return []
    try:
        ahead = parsedate_to_datetime(date).timestamp() - time.time()
    except ValueError:
        return [
            problem(
                check,
                f"{name} sends a Date header that is not a date: {date[:40]!r}",
                "check which server answers at this address",
            )
        ]
    if abs(ahead) <= _TOLERATED_SECONDS:
        return [fine(check, f"the clock of {name} agrees with this one")]
    direction = "ahead of" if ahead > 0 else "behind"
    return [
        problem(
            check,
            f"the clock of {name} is {abs(ahead):.0f} s {direction} this one",
            "run NTP on both machines: storage refuses signed URLs if clocks differ by minutes",
        )
    ]

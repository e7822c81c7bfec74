"""What a check found."""

from enum import StrEnum

import msgspec


class Grade(StrEnum):
    """How bad it is."""

    FINE = "fine"
    PROBLEM = "problem"
    UNCHECKED = "unchecked"


class Finding(msgspec.Struct, frozen=True):
    """One result of one check, and what to do about it."""

    check: str
    grade: Grade
    summary: str
    next_step: str = ""


def fine(check: str, summary: str) -> Finding:
    """Nothing is wrong there."""
    return Finding(check, Grade.FINE, summary)


def problem(check: str, summary: str, next_step: str) -> Finding:
    """Something is wrong there."""
    return Finding(check, Grade.PROBLEM, summary, next_step)


def unchecked(check: str, summary: str, next_step: str) -> Finding:
    """It cannot be told."""
    return Finding(check, Grade.UNCHECKED, summary, next_step)

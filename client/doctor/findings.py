"""The findings of checks."""

from enum import StrEnum

import msgspec


class Grade(StrEnum):
    """The severity of a finding."""

    FINE = "fine"
    PROBLEM = "problem"
    UNCHECKED = "unchecked"


class Finding(msgspec.Struct, frozen=True):
    """One result of one check, and the next step for the operator."""

    check: str
    grade: Grade
    summary: str
    next_step: str = ""


def fine(check: str, summary: str) -> Finding:
    """A finding without a problem."""
    return Finding(check, Grade.FINE, summary)


def problem(check: str, summary: str, next_step: str) -> Finding:
    """A finding of a problem."""
    return Finding(check, Grade.PROBLEM, summary, next_step)


def unchecked(check: str, summary: str, next_step: str) -> Finding:
    """A finding that the check was not possible."""
    return Finding(check, Grade.UNCHECKED, summary, next_step)

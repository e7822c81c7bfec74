"""Why a local store does not start or go on."""


class CannotRun(Exception):
    """The text is one line for a person."""

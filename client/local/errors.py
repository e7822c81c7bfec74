"""The error for a local store that cannot run."""


class CannotRun(Exception):
    """The store cannot start or continue; the text is one line for a person."""

"""The error of a backup."""


class BackupFailed(Exception):
    """A backup cannot be made, is not intact, or cannot be restored; the text is one line for a person."""

"""The error for unsuitable media."""


class EssenceError(Exception):
    """This media cannot be handled; the text is one line for a person."""

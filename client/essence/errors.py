"""What can be wrong with media."""


class EssenceError(Exception):
    """This media cannot be handled; the text is one line for a person."""

"""A clock that tests set."""


class Clock:
    """Gives the time `now`, in seconds, until a test changes it."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

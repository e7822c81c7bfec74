"""The text of a failed comparison, as plain assertions have none."""

import traceback


def explained(error: Exception) -> str:
    """The error, its place in the tests, and the local values there."""
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "/tests/" in frame.f_code.co_filename
    ]
    place = " > ".join(f"{frame.f_code.co_name}:{line}" for frame, line in frames[-5:])
    local_values = {} if str(error) or not frames else frames[-1][0].f_locals
    values = "".join(
        f"\n    {name} = {str(value)[:600]}" for name, value in local_values.items() if name != "self"
    )
    return f"{type(error).__name__} {str(error)[:1500]} (in {place}){values}"

"""Run the media service: `python -m services.media`. With arguments, run a command on its object storage."""

import sys

from services.shared.process.lifetime import start

if __name__ == "__main__":
    if sys.argv[1:]:
        # Only these commands need it.
        from services.media.commands import main

        main(sys.argv[1:])
    else:
        start("media", "services.media")

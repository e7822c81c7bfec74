"""Run the metadata service: `python -m services.metadata`. With arguments, run a command on its tables."""

import sys

from services.shared.process.lifetime import start

if __name__ == "__main__":
    if sys.argv[1:]:
        # Only these commands need it.
        from services.metadata.commands import main

        main(sys.argv[1:])
    else:
        start("metadata", "services.metadata")

"""Run the media service: python -m services.media."""

from services.media.bootstrap import running
from services.media.settings import PREFIX, Settings
from services.shared.process import run

if __name__ == "__main__":
    run("media", Settings, PREFIX, running)

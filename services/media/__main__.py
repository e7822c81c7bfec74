"""Run the media service: `python -m services.media`."""

from services.shared.process.lifetime import start

if __name__ == "__main__":
    start("media", "services.media")

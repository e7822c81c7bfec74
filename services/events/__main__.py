"""Run the events service: `python -m services.events`."""

from services.shared.process.lifetime import start

if __name__ == "__main__":
    start("events", "services.events")

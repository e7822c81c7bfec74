"""Run the analytics service: `python -m services.analytics`."""

from services.shared.process.lifetime import start

if __name__ == "__main__":
    start("analytics", "services.analytics")

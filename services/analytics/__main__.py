"""Run the analytics service: python -m services.analytics."""

from services.analytics.bootstrap import running
from services.analytics.settings import PREFIX, Settings
from services.shared.process import run

if __name__ == "__main__":
    run("analytics", Settings, PREFIX, running)

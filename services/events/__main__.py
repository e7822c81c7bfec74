"""python -m services.events"""

from services.events.bootstrap import running
from services.events.settings import PREFIX, Settings
from services.shared.process import run

if __name__ == "__main__":
    run("events", Settings, PREFIX, running)

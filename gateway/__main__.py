"""`python -m gateway`."""

from gateway.bootstrap import running
from gateway.settings import PREFIX, Settings
from services.shared.process import run

if __name__ == "__main__":
    run("gateway", Settings, PREFIX, running)

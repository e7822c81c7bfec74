"""python -m services.metadata"""

from services.metadata.bootstrap import running
from services.metadata.settings import PREFIX, Settings
from services.shared.process import run

if __name__ == "__main__":
    run("metadata", Settings, PREFIX, running)

"""Run the metadata service: `python -m services.metadata`."""

from services.shared.process.lifetime import start

if __name__ == "__main__":
    start("metadata", "services.metadata")

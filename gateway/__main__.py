"""Run the gateway: `python -m gateway`."""

from services.shared.process.lifetime import start

if __name__ == "__main__":
    start("gateway", "gateway")

"""The names of all settings."""

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names


def read_settings() -> set[str]:
    """The names that the processes read."""
    return {
        env for module in DEPLOYABLES.values() for env in env_names(module.Settings, module.PREFIX).values()
    }

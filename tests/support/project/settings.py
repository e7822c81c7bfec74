"""The names of all settings."""

from docs.generate_settings import DEPLOYABLES
from services.shared.process.settings import env_names

# Manifests name these before the processes read them.
COMING = frozenset({"TAMS_METRICS_HOST", "TAMS_METRICS_PORT", "OTEL_EXPORTER_OTLP_ENDPOINT"})


def read_settings() -> set[str]:
    """The names that the processes read."""
    return {
        env for module in DEPLOYABLES.values() for env in env_names(module.Settings, module.PREFIX).values()
    }


def known_settings() -> set[str]:
    """The names that manifests may use."""
    return read_settings() | COMING

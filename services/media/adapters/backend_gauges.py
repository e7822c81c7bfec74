"""Metrics of the storage backends, by label."""

from collections.abc import Callable, Mapping, Sequence

from services.media.application.credential_renewal import CredentialRenewal
from services.media.application.reachability import Reachability
from services.media.domain.circuit import Circuit
from services.shared.telemetry.metrics import Labels, Metrics


def publish_backends(
    reachability: Reachability,
    renewals: Sequence[CredentialRenewal],
    circuits: Mapping[str, Circuit],
    labels: Mapping[str, str],
    metrics: Metrics,
) -> None:
    """Publish whether backends answer, their circuits and credentials; `labels` are those of all by id."""
    metrics.gauge(
        "tams_storage_backend_up",
        "1 if the backend answered its last check.",
        lambda: {(label,): float(up) for label, up in reachability.up(labels).items()},
        "backend",
    )
    metrics.gauge(
        "tams_storage_circuit_open",
        "1 while requests to the backend fail at once, because it did not answer several in a row.",
        lambda: _open_circuits(circuits, labels),
        "backend",
    )
    metrics.gauge(
        "tams_storage_credentials_refused",
        "1 if other credentials of the backend are there and cannot be used, so that the old ones stay.",
        lambda: _by_label(renewals, max, lambda renewal: float(renewal.is_refused)),
        "backend",
    )
    metrics.gauge(
        "tams_storage_credentials_left_seconds",
        "The seconds until the credentials of the backend expire; +Inf if that is not known.",
        lambda: _by_label(renewals, min, lambda renewal: renewal.seconds_left),
        "backend",
    )


def _open_circuits(circuits: Mapping[str, Circuit], labels: Mapping[str, str]) -> dict[Labels, float]:
    opened = dict.fromkeys(labels.values(), 0.0)
    for storage_id, circuit in circuits.items():
        opened[labels[storage_id]] = max(opened[labels[storage_id]], float(circuit.is_open))
    return {(label,): value for label, value in opened.items()}


def _by_label(
    renewals: Sequence[CredentialRenewal],
    merge: Callable[[Sequence[float]], float],
    read: Callable[[CredentialRenewal], float],
) -> dict[Labels, float]:
    """A number of each backend, merged for those that have the same label."""
    numbers: dict[Labels, list[float]] = {}
    for renewal in renewals:
        numbers.setdefault((renewal.label,), []).append(read(renewal))
    return {label: merge(found) for label, found in numbers.items()}

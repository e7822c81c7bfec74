"""The number of examples of a property test over a running system."""

from hypothesis import HealthCheck, Phase, settings

from tests.support.services.engine import ENGINE

# The default of hypothesis. A profile with more examples gives these tests more in proportion.
_USUAL = 100


def examples(usual: int, *, vast: int) -> settings:
    """Settings with `usual` examples, or `vast` on the slower engine."""
    chosen = vast if ENGINE.name == "vast" else usual
    times = settings().max_examples / _USUAL
    return settings(
        max_examples=max(1, round(chosen * times)),
        deadline=None,
        # Explaining a failure takes longer than finding it.
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )

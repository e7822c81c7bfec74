"""How many examples a property test over a running system takes."""

from hypothesis import HealthCheck, Phase, settings

from tests.support.engine import ENGINE

# A profile with more examples than hypothesis has by default asks these tests for more too.
_USUAL = 100


def examples(usual: int, *, vast: int) -> settings:
    """So many examples, and on the slower engine so many."""
    chosen = vast if ENGINE.name == "vast" else usual
    times = settings().max_examples / _USUAL
    return settings(
        max_examples=max(1, round(chosen * times)),
        deadline=None,
        # To explain a failure takes longer than to find it.
        phases=set(Phase) - {Phase.explain},
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )

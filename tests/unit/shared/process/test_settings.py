from dataclasses import FrozenInstanceError, dataclass
from typing import Annotated, Literal

import pytest
from msgspec import Meta

from services.shared.errors import StartupError
from services.shared.process.settings import ProcessSettings, env_names, from_env, shared

PREFIX = "TAMS_EXAMPLE_"


@dataclass(frozen=True, kw_only=True)
class Example(ProcessSettings):
    """Settings of every kind."""

    port: int = 8100
    workers: Annotated[int, Meta(ge=1, le=8)] = 2
    pause: float = 1.5
    shiny: bool = False
    colour: Literal["red", "green"] = "red"
    store: str = shared("TAMS_STORE_URL", "sqlite:///x.db")


def read(**env: str) -> Example:
    return from_env(Example, PREFIX, env)


def test_unset_settings_have_their_defaults() -> None:
    assert read() == Example()


def test_values_are_read_as_their_types() -> None:
    settings = read(
        TAMS_EXAMPLE_PORT="9000",
        TAMS_EXAMPLE_PAUSE="0.25",
        TAMS_EXAMPLE_SHINY="true",
        TAMS_EXAMPLE_COLOUR="green",
        TAMS_EXAMPLE_HOST="0.0.0.0",
    )
    assert (settings.port, settings.pause, settings.shiny, settings.colour) == (9000, 0.25, True, "green")
    assert settings.host == "0.0.0.0"


def test_shared_names_ignore_the_prefix() -> None:
    settings = read(TAMS_STORE_URL="sqlite:///y.db", TAMS_LOG_LEVEL="debug", TAMS_LOG_FORMAT="json")
    assert (settings.store, settings.log_level, settings.log_format) == ("sqlite:///y.db", "debug", "json")
    with pytest.raises(StartupError, match="unknown setting TAMS_EXAMPLE_LOG_LEVEL"):
        read(TAMS_EXAMPLE_LOG_LEVEL="debug")


def test_an_empty_value_counts_as_not_set() -> None:
    assert read(TAMS_EXAMPLE_PORT="", TAMS_STORE_URL="", TAMS_EXAMPLE_COLOUR="") == Example()


def test_an_unknown_name_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(
        StartupError, match=r"unknown setting TAMS_EXAMPLE_PROT; did you mean TAMS_EXAMPLE_PORT\?"
    ):
        read(TAMS_EXAMPLE_PROT="1")


def test_an_unknown_name_without_a_near_one_is_refused_with_all_known_names() -> None:
    with pytest.raises(StartupError, match=r"known names: .*TAMS_EXAMPLE_PORT.*TAMS_STORE_URL"):
        read(TAMS_EXAMPLE_XYZZY_FROTZ_PLUGH_QUUX="1")


def test_an_unknown_name_is_refused_even_when_empty() -> None:
    with pytest.raises(StartupError):
        read(TAMS_EXAMPLE_PROT="")


def test_variables_of_other_programs_are_ignored() -> None:
    assert read(TAMS_OTHER_PORT="x", PATH="/bin", EXAMPLE_PORT="x") == Example()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAMS_EXAMPLE_PORT", "http"),
        ("TAMS_EXAMPLE_PORT", "80.5"),
        ("TAMS_EXAMPLE_WORKERS", "0"),
        ("TAMS_EXAMPLE_WORKERS", "9"),
        ("TAMS_EXAMPLE_PAUSE", "soon"),
        ("TAMS_EXAMPLE_SHINY", "maybe"),
        ("TAMS_EXAMPLE_COLOUR", "blue"),
        ("TAMS_EXAMPLE_DRAIN_SECONDS", "-1"),
        ("TAMS_LOG_LEVEL", "loud"),
        ("TAMS_LOG_FORMAT", "xml"),
    ],
)
def test_an_invalid_value_is_refused_with_the_name_of_its_setting(name: str, value: str) -> None:
    with pytest.raises(StartupError, match=f"^{name}: "):
        read(**{name: value})


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_outside_of_its_range_is_refused(port: str) -> None:
    with pytest.raises(StartupError, match=f"^{PREFIX}PORT: "):
        from_env(ProcessSettings, PREFIX, {f"{PREFIX}PORT": port})


def test_each_field_has_a_name_of_its_own() -> None:
    names = env_names(Example, PREFIX)
    assert len(set(names.values())) == len(names)
    assert names["workers"] == "TAMS_EXAMPLE_WORKERS"
    assert names["log_level"] == "TAMS_LOG_LEVEL"


def test_settings_are_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        Example().port = 1  # type: ignore[misc]  # run time must refuse it like the type checker

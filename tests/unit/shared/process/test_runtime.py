"""The file of run-time settings: its lines, its mistakes, and the changes that follow from it."""

import dataclasses
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

from docs.generate_settings import DEPLOYABLES
from services.shared.errors import StartupError
from services.shared.process.runtime import MAX_BYTES, RuntimeSettings, lines_of, open_runtime
from services.shared.process.settings import PREFIXES, ProcessSettings, changeable, changeable_names, shared
from services.shared.process.telemetry import Telemetry
from services.shared.telemetry.metrics import Metrics
from tests.support.processes.polling import until

PREFIX = "TAMS_EXAMPLE_"


@dataclass(frozen=True, kw_only=True)
class Example(ProcessSettings):
    """Settings of which some may change."""

    rate: Annotated[float, Meta(ge=0)] = changeable(1.0)
    fixed: int = 1
    secret: str = shared("TAMS_SECRET", "", secret=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runtime.env"


def opened(file: Path, text: str, metrics: Metrics | None = None) -> RuntimeSettings[Example]:
    file.write_text(text)
    return RuntimeSettings(Example(runtime_file=str(file)), PREFIX, metrics or Metrics())


def value_of(metrics: Metrics, name: str) -> object:
    return metrics.gauges[name].values()


def test_values_of_the_file_are_in_force_over_those_of_the_start(file: Path) -> None:
    lines = ["# at night", "", " TAMS_EXAMPLE_RATE = 2.5 ", "TAMS_TRACE_RATIO=", "TAMS_LOG_LEVELS=a.b=debug"]
    runtime = opened(file, "\n".join(lines))
    assert (runtime.current.rate, runtime.current.trace_ratio) == (2.5, 0.01)
    assert runtime.current.log_levels == "a.b=debug"
    assert not runtime.is_refused


def test_settings_of_other_processes_are_left_to_them(file: Path) -> None:
    runtime = opened(file, "TAMS_GATEWAY_RATE=5\nTAMS_MEDIA_PROT=1\nTAMS_EXAMPLE_RATE=2\n")
    assert (runtime.current.rate, runtime.is_refused) == (2.0, False)


def test_the_prefixes_of_all_processes_are_known() -> None:
    assert set(PREFIXES) == {module.PREFIX for module in DEPLOYABLES.values()}


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_no_secret_can_change_as_changes_are_logged(name: str) -> None:
    module = DEPLOYABLES[name]
    secrets = {field.name for field in dataclasses.fields(module.Settings) if not field.repr}
    assert secrets.isdisjoint(changeable_names(module.Settings, module.PREFIX))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("TAMS_EXAMPLE_RATE=fast", "TAMS_EXAMPLE_RATE: Expected"),
        ("TAMS_EXAMPLE_RATE=-1", "TAMS_EXAMPLE_RATE: Expected"),
        ("TAMS_EXAMPLE_RAT=1", "did you mean TAMS_EXAMPLE_RATE"),
        ("TAMS_LOG_LEVLE=info", "did you mean TAMS_LOG_LEVEL"),
        ("TAMS_EXAMPLE_FIXED=2", "TAMS_EXAMPLE_FIXED cannot change while the process runs"),
        ("TAMS_SECRET=planted", "TAMS_SECRET cannot change while the process runs"),
        ("TAMS_LOG_LEVELS=botocore=debug", "TAMS_LOG_LEVELS: the debug lines of botocore"),
        ("TAMS_EXAMPLE_RATE=1\nplanted", "line 3 of .*runtime.env is not the NAME=value of a setting"),
        ("export TAMS_EXAMPLE_RATE=planted", "line 2 of .*runtime.env is not the NAME=value of a setting"),
        ("TAMS_EXAMPLE_RATE=1\nTAMS_EXAMPLE_RATE=2", "line 3 of .*: TAMS_EXAMPLE_RATE is given twice"),
    ],
)
def test_a_mistake_changes_nothing_and_is_in_one_line_and_in_the_metrics(
    file: Path, text: str, complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    runtime = opened(file, f"TAMS_TRACE_RATIO=0.5\n{text}\n", metrics)
    assert runtime.current == Example(runtime_file=str(file))
    assert value_of(metrics, "tams_runtime_settings_refused") == {(): 1.0}
    [line] = [record.getMessage() for record in caplog.records]
    assert "\n" not in line
    assert "planted" not in line
    assert re.search(complaint, line)


def test_a_file_that_cannot_be_read_as_text_is_refused(file: Path) -> None:
    with pytest.raises(StartupError, match="Is a directory"):
        lines_of(str(file.parent))
    file.write_bytes(b"\xff")
    with pytest.raises(StartupError, match="not text in UTF-8"):
        lines_of(str(file))
    file.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(StartupError, match="more than 65536 bytes"):
        lines_of(str(file))


async def test_changes_mistakes_and_the_end_of_the_file_are_followed(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    telemetry = Telemetry("example")
    seen: list[float] = []
    settings = Example(runtime_file=str(file))
    async with open_runtime(settings, PREFIX, telemetry) as runtime:
        runtime.apply(lambda current: seen.append(current.rate))
        file.write_text("TAMS_EXAMPLE_RATE=2\nTAMS_TRACE_RATIO=0.5\nTAMS_TRACE_SLOW_SECONDS=9\n")
        await until(lambda: seen == [1.0, 2.0])
        assert (telemetry.sampler.ratio, telemetry.slow_seconds) == (0.5, 9.0)
        info = value_of(telemetry.metrics, "tams_setting_info")
        assert isinstance(info, dict)
        assert ("TAMS_EXAMPLE_RATE", "2.0") in info
        file.write_text("TAMS_EXAMPLE_RATE=3\nTAMS_TRACE_RATIO=many\n")
        await until(lambda: runtime.is_refused)
        assert seen == [1.0, 2.0]
        file.unlink()
        await until(lambda: seen == [1.0, 2.0, 1.0])
        assert (telemetry.sampler.ratio, runtime.is_refused) == (0.01, False)
    lines = [vars(record) for record in caplog.records if record.getMessage() == "a setting has changed"]
    changes = [(line["setting"], line["old"], line["new"]) for line in lines]
    assert [change for change in changes if "EXAMPLE" in change[0]] == [
        ("TAMS_EXAMPLE_RATE", "1.0", "2.0"),
        ("TAMS_EXAMPLE_RATE", "2.0", "1.0"),
    ]

"""Checks docs/settings.md against the settings in the code."""

import re

import pytest

from docs.generate_settings import DEPLOYABLES, PAGE, PUBLIC, groups, page, public
from services.shared.process.settings import env_names
from tests.support.project.repository import ROOT, files


def test_the_settings_page_is_up_to_date() -> None:
    text = PAGE.read_text("utf-8")
    up_to_date = page(text) == text
    assert up_to_date, "run make docs"


def test_the_list_of_settings_that_may_be_shown_is_up_to_date() -> None:
    up_to_date = PUBLIC.read_text("utf-8") == public()
    assert up_to_date, "run make docs"


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_every_setting_is_explained_in_the_page(name: str) -> None:
    module = DEPLOYABLES[name]
    text = PAGE.read_text("utf-8")
    assert [env for env in env_names(module.Settings, module.PREFIX).values() if f"`{env}`" not in text] == []
    assert [group.fields for group in groups(module.Settings) if not group.meaning] == []


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_prefix_and_module_have_the_name_of_the_deployable(name: str) -> None:
    module = DEPLOYABLES[name]
    assert f"TAMS_{name.upper()}_" == module.PREFIX
    assert module.__name__.removeprefix("services.") == f"{name}.settings"


def test_every_process_is_a_deployable() -> None:
    mains = files("services/*/__main__.py", "gateway/__main__.py")
    assert {path.parent.name for path in mains} == set(DEPLOYABLES)


def test_each_process_has_its_own_default_port() -> None:
    ports = [module.Settings().port for module in DEPLOYABLES.values()]
    assert sorted(ports) == [8000, 8101, 8102, 8103, 8104]


def test_every_setting_that_a_file_names_is_documented() -> None:
    """A name that no process reads is a typo or a leftover."""
    known = set(re.findall(r"TAMS_[A-Z0-9_]+", PAGE.read_text("utf-8")))
    for path in files(":!tests", ":!protos", ":!*.lock", ":!docs/settings.md"):
        used = set(re.findall(r"\bTAMS_[A-Z0-9_]+[A-Z0-9]\b", path.read_text("utf-8")))
        assert used - known == set(), path.relative_to(ROOT)

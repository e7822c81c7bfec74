"""docs/settings.md against the settings in the code."""

import re

import pytest

from docs.generate_settings import DEPLOYABLES, PAGE, groups, page
from services.shared.settings import env_names
from tests.support.repository import ROOT, files


def test_the_page_is_fresh():
    text = PAGE.read_text("utf-8")
    fresh = page(text) == text
    assert fresh, "run make docs"


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_every_setting_is_in_the_page_with_its_meaning(name):
    module = DEPLOYABLES[name]
    text = PAGE.read_text("utf-8")
    assert [env for env in env_names(module.Settings, module.PREFIX).values() if f"`{env}`" not in text] == []
    assert [group.fields for group in groups(module.Settings) if not group.meaning] == []


@pytest.mark.parametrize("name", DEPLOYABLES)
def test_prefix_and_module_carry_the_deployables_name(name):
    module = DEPLOYABLES[name]
    assert f"TAMS_{name.upper()}_" == module.PREFIX
    assert module.__name__.removeprefix("services.") == f"{name}.settings"


def test_every_process_is_a_deployable():
    mains = files("services/*/__main__.py", "gateway/__main__.py")
    assert {path.parent.name for path in mains} == set(DEPLOYABLES)


def test_no_two_processes_want_the_same_port():
    ports = [module.Settings().port for module in DEPLOYABLES.values()]
    assert sorted(ports) == [8000, 8101, 8102, 8103, 8104]


def test_every_name_used_anywhere_is_documented():
    """A name in code, files or pages that no process reads is a typo or a leftover."""
    known = set(re.findall(r"TAMS_[A-Z0-9_]+", PAGE.read_text("utf-8")))
    for path in files(":!tests", ":!protos", ":!*.lock", ":!docs/settings.md"):
        used = set(re.findall(r"\bTAMS_[A-Z0-9_]+[A-Z0-9]\b", path.read_text("utf-8")))
        assert used - known == set(), path.relative_to(ROOT)

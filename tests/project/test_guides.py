"""What README and the guides tell people to type and follow."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from client.cli.main import tams
from tests.support.repository import ROOT, files

PAGES = files("*.md")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def shown(language: str, *pages: Path) -> list[str]:
    """The code blocks in that language."""
    return [
        block
        for page in pages
        for block in re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page):
    told = re.findall(r"(?:`|^|&& )(?:[A-Z_]+=\S+ )*make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    assert [target for target in told if target not in TARGETS] == []


def test_make_help_lists_every_target():
    command = ["make", "--no-print-directory", "help"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in listed.splitlines()} == TARGETS


def test_make_targets_are_not_mistaken_for_files():
    phony = {name for line in re.findall(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE) for name in line.split()}
    assert phony == TARGETS


def test_the_credentials_recipe_works(tmp_path):
    [recipe] = [block for block in shown("sh", ROOT / "docs" / "deployment.md") if "s3.json" in block]
    subprocess.run(["sh", "-eu", "-c", recipe], cwd=tmp_path, check=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    [identity] = json.loads(made["s3.json"])["identities"]
    [credentials] = identity["credentials"]
    assert credentials == {
        "accessKey": made["access_key"].strip(),
        "secretKey": made["secret_key"].strip(),
    }
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def commands(page: Path) -> list[list[str]]:
    """Each `tams …` in the page's shell blocks and inline code, as words."""
    text = page.read_text("utf-8")
    lines = [*"\n".join(shown("sh", page)).splitlines(), *re.findall(r"`(tams [^`]+)`", text)]
    told = [match[1] for line in lines for match in re.finditer(r"(?:^|\$\()(tams .*?)(?= \||$)", line)]
    return [shlex.split(one, comments=True)[1:] for one in told]


TOLD = [words for page in PAGES for words in commands(page)]


@pytest.mark.parametrize("words", TOLD, ids=" ".join)
def test_commands_are_as_the_program_has_them(words):
    name, *rest = words
    with click.Context(tams) as context:
        command = tams.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name) as of_command:
            command.make_parser(of_command).parse_args(rest)


def test_the_tour_is_complete():
    assert {"sample", "ingest", "flows", "segments", "export", "stats"} <= {words[0] for words in TOLD}


def test_what_is_said_to_be_missing_is_missing():
    readme = (ROOT / "README.md").read_text("utf-8")
    table = (ROOT / "gateway" / "routes.py").read_text("utf-8")
    for gap in re.findall(r"^- No routes yet(.*?)(?=^- |^#)", readme, re.MULTILINE | re.DOTALL):
        named = re.findall(r"`(/[^`]+)`", gap)
        assert named
        assert [path for path in named if f'Route("{path}"' in table] == []

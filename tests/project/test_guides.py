"""Checks the commands, links and examples in README and the guides."""

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from client.cli.main import tams
from gateway.openapi.document import openapi_json
from tests.support.project.guides import blocks
from tests.support.project.repository import ROOT, files

PAGES = files("*.md")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_existing_files(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_headings(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s#]*)#([^)\s]+)\)", text)
    targets = [(page.parent / name if name else page, anchor) for name, anchor in links if "://" not in name]
    assert [anchor for target, anchor in targets if anchor not in anchors(target)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_existing_make_targets(page: Path) -> None:
    named = re.findall(r"(?:`|^|&& )(?:[A-Z_]+=\S+ )*make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    assert [target for target in named if target not in TARGETS] == []


def test_make_help_lists_every_target() -> None:
    command = ["make", "--no-print-directory", "help"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in listed.splitlines()} == TARGETS


def test_every_make_target_is_phony() -> None:
    phony = {name for line in re.findall(r"^\.PHONY:(.*)$", MAKEFILE, re.MULTILINE) for name in line.split()}
    assert phony == TARGETS


def test_the_credentials_recipe_works(tmp_path: Path) -> None:
    [recipe] = [block for block in blocks("sh", ROOT / "docs" / "deployment.md") if "s3.json" in block]
    subprocess.run(["sh", "-eu", "-c", recipe], cwd=tmp_path, check=True)
    written = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    [identity] = json.loads(written["s3.json"])["identities"]
    [credentials] = identity["credentials"]
    assert credentials == {
        "accessKey": written["access_key"].strip(),
        "secretKey": written["secret_key"].strip(),
    }
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def commands(page: Path) -> list[list[str]]:
    """The `tams` commands in the shell blocks and inline code of a page, each as its words."""
    text = page.read_text("utf-8")
    pasted = "\n".join([*blocks("sh", page), *blocks("sh secured", page)])
    scripts = [pasted.replace("\\\n", " "), *re.findall(r"`(tams [^`]+)`", text)]
    starts = [(script, match.end()) for script in scripts for match in COMMAND.finditer(script)]
    return [shlex.split(first_command(script[start:]), comments=True) for script, start in starts]


# A command at the start of a line, after an operator, or in a substitution.
COMMAND = re.compile(r"(?:^|[|;&(] *|\bdo )tams ", re.MULTILINE)


def first_command(script: str) -> str:
    """The first command of a script. Brackets in quotes do not end it."""
    quoted = ""
    for at, character in enumerate(script):
        if character in "'\"" and quoted in ("", character):
            quoted = "" if quoted else character
        elif not quoted and character in ")|;&<>\n":
            return script[:at]
    return script


COMMANDS = [words for page in PAGES for words in commands(page)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_have_valid_options(words: list[str]) -> None:
    with click.Context(tams) as context:
        _, (name, *rest), _ = tams.make_parser(context).parse_args(words)
        command = tams.get_command(context, name)
        assert command is not None
        with click.Context(command, info_name=name) as command_context:
            command.make_parser(command_context).parse_args(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_have_valid_syntax(page: Path) -> None:
    for block in [*blocks("sh", page), *blocks("sh secured", page)]:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
    for block in [*blocks("python", page), *blocks("python secured", page)]:
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize(
    ("name", "path"),
    [("searching", "/flows"), ("playback", "/flows/{flowId}/segments")],
)
def test_guides_name_every_filter(name: str, path: str) -> None:
    text = (ROOT / "docs" / "guides" / f"{name}.md").read_text("utf-8")
    document = json.loads(openapi_json(""))
    parameters = [
        document["components"]["parameters"][item["$ref"].rsplit("/", 1)[1]] if "$ref" in item else item
        for item in document["paths"][path]["get"]["parameters"]
    ]
    queries = {parameter["name"] for parameter in parameters if parameter["in"] == "query"} - {
        "page",
        "limit",
    }
    names = sorted(name.replace("{name}", "NAME") for name in queries)
    assert len(names) > 5
    assert [query for query in names if f"`{query}=" not in text] == []


def test_the_glossary_explains_each_word_once() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    rows = re.findall(r"^\| \*\*([^*]+)\*\*([^|]*)\| (.+) \|$", text, re.MULTILINE)
    words = [word.strip() + more.rstrip() for words, more, _ in rows for word in words.split(",")]
    used = {"source", "flow", "segment", "object", "timerange", "essence", "signed URL", "split", "row id"}
    assert used <= set(words)
    assert [word for word in words if words.count(word) > 1] == []


def test_guides_name_only_existing_reasons() -> None:
    guides = "".join(path.read_text("utf-8") for path in files("docs/guides/*.md"))
    quoted = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", guides))
    reasons = {reason for reason in quoted if not reason.startswith("TAMS_")}
    code = "".join(path.read_text("utf-8") for path in files("services/*.py", "gateway/*.py"))
    assert len(reasons) > 10
    assert [reason for reason in reasons if f'"{reason}"' not in code] == []


def test_the_tour_is_complete() -> None:
    assert {"sample", "ingest", "flows", "segments", "export", "stats"} <= {words[0] for words in COMMANDS}


def test_routes_that_the_readme_calls_missing_are_missing() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    table = (ROOT / "gateway" / "routes.py").read_text("utf-8")
    for gap in re.findall(r"^- No routes yet(.*?)(?=^- |^#)", readme, re.MULTILINE | re.DOTALL):
        named = re.findall(r"`(/[^`]+)`", gap)
        assert named
        assert [path for path in named if f'Route("{path}"' in table] == []

import pytest

from services.media.domain.key_template import DEFAULT_TEMPLATE, MAX_LENGTH, KeyTemplate
from tests.support.storage.backends import NOON

FLOW = "0b7f4c0e-3f4e-4c44-9a53-7cc4ad3f9d11"


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("{prefix}{year}/{month}/{day}/{object}", "media/2026/03/04/"),
        ("{prefix}/{year}/{month}/{day}/{flow}/{object}", f"media/2026/03/04/{FLOW}/"),
        ("{prefix}/raw-{year}{month}{day}T{hour}/{object}", "media/raw-20260304T12/"),
        ("{prefix}{object}", "media/"),
    ],
)
def test_a_template_makes_the_folder_of_objects_and_knows_it_again(text: str, folder: str) -> None:
    template = KeyTemplate(text)
    made = template.folder("media/", FLOW, NOON)
    assert made == folder
    assert template.matches("media/", f"{made}object")
    assert not template.matches("media/", f"other/{made}object")
    assert not template.matches("media/", made)


def test_a_flow_id_is_one_plain_step() -> None:
    assert KeyTemplate("{prefix}{flow}/{object}").folder("", "../a b", NOON) == "~2E.~2Fa~20b/"


def test_uploads_of_others_are_not_those_of_the_default_template() -> None:
    assert not DEFAULT_TEMPLATE.matches("", "backup/2026/03/04/x")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "must begin with {prefix}"),
        ("{year}/{object}", "must begin with {prefix}"),
        ("a/{prefix}{object}", "must begin with {prefix}"),
        ("{prefix}{year}", "and {object} once"),
        ("{prefix}{object}/x", "and {object} once"),
        ("{prefix}{object}/{object}", "and {object} once"),
        ("{prefix}{prefix}{object}", "and {object} once"),
        ("{prefix}{flow}-{object}", "a step of its own"),
        ("{prefix}../{object}", "begins with a dot"),
        ("{prefix}/a//{object}", "a step is empty"),
        ("{prefix}{source}/{object}", "unknown field {source}; the fields are prefix, year"),
        ("{prefix}{flow!r}/{object}", "unknown field"),
        ("{prefix}{flow:>9}/{object}", "unknown field"),
        ("{prefix}{}/{object}", "unknown field"),
        ("{prefix}a b/{object}", "other characters"),
        ("{prefix}{{/{object}", "other characters"),
        ("{prefix}{year/{object}", "unexpected '{'"),
        ("{prefix}{year", "expected '}'"),
        ("{prefix}" + "a" * MAX_LENGTH + "/{object}", "longer than 256"),
    ],
)
def test_other_templates_are_refused_with_their_fault(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        KeyTemplate(text)
    assert fault in str(refused.value)

"""Options that filter sources and flows, and their query parameters."""

from collections.abc import Callable, Iterable
from typing import Final, TypedDict, TypeVar, Unpack

import click

_FORMATS: Final = {
    "video": "urn:x-nmos:format:video",
    "image": "urn:x-tam:format:image",
    "audio": "urn:x-nmos:format:audio",
    "data": "urn:x-nmos:format:data",
    "multi": "urn:x-nmos:format:multi",
}

Filters = dict[str, object]
C = TypeVar("C", bound=Callable[..., object])


class TagType(click.ParamType[tuple[str, str]]):
    """A tag's name and value, as name=value."""

    name = "name=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """The name and the value; the name ends at the first equals sign."""
        name, equals, tag_value = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not a tag; write name=value", param, ctx)
        return name, tag_value


def by_tags_and_format(command: C) -> C:
    """Add --format, --label, --tag, --has-tag and --lacks-tag; `filters` reads them."""
    options = (
        click.option("--format", "media_format", type=click.Choice(list(_FORMATS)), help="Only this format."),
        click.option("--label", help="Only with exactly this label."),
        click.option("--tag", "tags", type=TagType(), multiple=True, help="Only with this value of the tag."),
        click.option("--has-tag", "present", metavar="NAME", multiple=True, help="Only with this tag."),
        click.option("--lacks-tag", "absent", metavar="NAME", multiple=True, help="Only without this tag."),
    )
    for option in reversed(options):
        command = option(command)
    return command


class FilterOptions(TypedDict):
    """The values of these options, as a command gets them."""

    media_format: str | None
    label: str | None
    tags: Iterable[tuple[str, str]]
    present: Iterable[str]
    absent: Iterable[str]


def filters(**options: Unpack[FilterOptions]) -> Filters:
    """The query parameters of these options. UsageError if a tag is given twice."""
    media_format = options["media_format"]
    parameters: Filters = {"format": media_format and _FORMATS[media_format], "label": options["label"]}
    tag_parameters = [
        *((f"tag.{name}", value) for name, value in options["tags"]),
        *((f"tag_exists.{name}", True) for name in options["present"]),
        *((f"tag_exists.{name}", False) for name in options["absent"]),
    ]
    for parameter, value in tag_parameters:
        if parameter in parameters:
            name = parameter.partition(".")[2]
            raise click.UsageError(f"give only one filter for the tag {name!r}")
        parameters[parameter] = value
    return parameters

"""The option `--classes`, and classes in tables."""

from collections.abc import Iterable

import click


def _words(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """The words between the commas; None without the option. The store checks them."""
    return None if text is None else tuple(filter(None, map(str.strip, text.split(","))))


classes_option = click.option(
    "--classes",
    callback=_words,
    metavar="CLASSES",
    help="Classes of sources and flows to see, with commas, or '*' for all of them; '' for none.",
)


def classes_text(classes: Iterable[str]) -> str:
    """The classes in one cell."""
    return " ".join(classes)

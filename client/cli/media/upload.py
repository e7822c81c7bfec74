"""`tams upload`."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, aclosing
from pathlib import Path
from typing import Final

import click

from client.api import TamsClient, UploadRules
from client.api.uploads.rules import MIB
from client.cli import exits
from client.cli.session import with_patient_store
from client.cli.terminal.output import as_json, printable, seconds, short_format, size, write_json
from client.cli.terminal.progress import Report, bars
from client.upload import Labels, Outcome, State, Uploading, chosen

_DEFAULTS: Final = UploadRules()
# Connections to object storage are shared by all files; there are 32.
_MOST_FILES: Final = 32 // _DEFAULTS.parallel


class Tag(click.ParamType[tuple[str, str]]):
    """A tag as name=value."""

    name = "tag"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split the text."""
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} is not a tag; write it like programme=news", param, ctx)
        return name, text


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="FILE|DIR...",
    type=click.Path(exists=True, readable=True, path_type=Path),
)
@click.option(
    "--source-label", metavar="TEXT", help="One source with this label.  [default: one for each file]"
)
@click.option("--label-prefix", metavar="TEXT", default="", help="Text before the file's name in its label.")
@click.option("--extensions", metavar="LIST", default="", help="Files to take from folders, such as mp4,mov.")
@click.option("--tag", "tags", type=Tag(), metavar="NAME=VALUE", multiple=True, help="Tag of the flows.")
@click.option("--any", "any_file", is_flag=True, help="Store files that are not recognised too, as data.")
@click.option(
    "--parallel",
    type=click.IntRange(1, _MOST_FILES),
    default=2,
    show_default=True,
    help="Files to send at once.",
)
@click.option(
    "--part-threshold",
    type=click.IntRange(0),
    default=_DEFAULTS.threshold // MIB,
    show_default=True,
    metavar="MIB",
    help="Files of this size and more are sent in parts.",
)
@click.option("--dry-run", is_flag=True, help="List the files, and store nothing.")
@as_json
@with_patient_store
async def upload(
    store: TamsClient,
    *,
    paths: tuple[Path, ...],
    source_label: str | None,
    label_prefix: str,
    extensions: str,
    tags: tuple[tuple[str, str], ...],
    any_file: bool,
    parallel: int,
    part_threshold: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Store files as they are: each becomes one object, one segment and one flow.

    Use tams ingest for media to play, seek in or edit: it cuts streams into segments. Files are recognised by
    their content: those that are stored already are left out, and the same command continues an interrupted
    upload. A file that cannot be stored does not stop the others.
    """
    labels = Labels(source=source_label, prefix=label_prefix, tags=dict(tags))
    rules = UploadRules(threshold=part_threshold * MIB)
    uploading = Uploading(store, labels, rules, any_file=any_file, dry_run=dry_run)
    outcomes = await _run(uploading, _files(paths, extensions), parallel, quiet=as_json)
    if as_json:
        write_json([_document(outcome) for outcome in outcomes])
    counts = Counter(outcome.state for outcome in outcomes)
    click.echo(", ".join(f"{counts[state]} {state}" for state in State if counts[state]), err=True)
    if counts[State.FAILED]:
        raise exits.Failed(f"{counts[State.FAILED]} of {len(outcomes)} files failed")


def _files(paths: Sequence[Path], extensions: str) -> list[Path]:
    try:
        files = chosen(paths, [part for part in extensions.split(",") if part.strip()])
    except OSError as error:
        raise exits.Failed(f"{error.filename}: {error.strerror or error}") from error
    if not files:
        raise exits.Failed("there are no such files")
    return files


async def _run(uploading: Uploading, files: Sequence[Path], parallel: int, *, quiet: bool) -> list[Outcome]:
    """The outcomes, in the order in which they come; each is written unless `quiet`, failures in any case."""
    sizes = {file: _size(file) for file in files}
    outcomes = []
    with bars(sum(sizes.values())) as shown:

        def watch(path: Path) -> AbstractContextManager[Report]:
            return shown.file(printable(path.name), sizes[path])

        async with aclosing(uploading.run(files, parallel, watch)) as ended:
            async for outcome in ended:
                outcomes.append(outcome)
                if outcome.state is State.FAILED or not quiet:
                    click.echo(_line(outcome), err=outcome.state is State.FAILED)
    return outcomes


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # it is reported with the file's outcome
        return 0


def _line(outcome: Outcome) -> str:
    name, reason = printable(str(outcome.path)), printable(" ".join(outcome.reason.split()))
    if reason or outcome.plan is None:
        return f"{outcome.state}  {name}: {reason}"
    found = outcome.plan.probed
    facts = [
        short_format(outcome.plan.document["format"]),
        found.container if found.codec in {None, found.container} else f"{found.codec} in {found.container}",
        *([seconds(found.duration)] if found.duration else []),
        size(outcome.plan.size),
    ]
    return f"{outcome.state}  {name}: {', '.join(facts)}, flow {outcome.plan.flow_id}"


def _document(outcome: Outcome) -> dict[str, object]:
    known: dict[str, object] = {"file": str(outcome.path), "state": outcome.state, "reason": outcome.reason}
    if outcome.plan is not None:
        known |= {
            "flow_id": outcome.plan.flow_id,
            "source_id": outcome.plan.document["source_id"],
            "format": outcome.plan.document["format"],
            "codec": outcome.plan.probed.codec,
            "container": outcome.plan.probed.container,
            "timerange": str(outcome.plan.timerange),
            "size": outcome.plan.size,
        }
    return known

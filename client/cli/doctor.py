"""`tams doctor`."""

import click


@click.command()
def doctor() -> None:
    """Look for what is wrong with a store."""

"""`tams up`."""

import click

from client.cli import exits
from client.local import runner
from client.local.errors import CannotRun


@click.command()
def up() -> None:
    """Run a whole store on this machine.

    Object storage, the services and the gateway run until Ctrl-C, which stops them in order; the data
    stays. A line "ready URL" tells when all can serve.

    \b
    TAMS_DATA_DIR      where the data lies (./.tams)
    TAMS_GATEWAY_PORT  where the API is served, on loopback (8000)
    TAMS_STORE_URL     the tables (sqlite:/// in the data directory)

    Other ports are chosen once and kept; TAMS_METADATA_PORT, TAMS_MEDIA_PORT, TAMS_ANALYTICS_PORT and
    TAMS_S3_PORT set them. TAMS_LOG_LEVEL and the services' own settings are passed on to them.
    """
    try:
        runner.up()
    except CannotRun as error:
        raise exits.Failed(str(error)) from error

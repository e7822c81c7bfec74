"""`tams up`."""

import click

from client.cli import exits
from client.local import runner
from client.local.errors import CannotRun


@click.command()
@click.option(
    "--metadata",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Number of metadata processes; more than one needs tables on VAST.",
)
@click.option("--auth", is_flag=True, help="Callers need credentials, as with TAMS_AUTH=required.")
@click.option("--quiet", is_flag=True, help="Show no requests; logs/access.log has them.")
def up(*, metadata: int, auth: bool, quiet: bool) -> None:
    """Run a whole store on this machine.

    Object storage, the services and the gateway run until Ctrl-C, which stops them in order; the data
    stays. The line "ready URL" appears once all can serve. The command waits for a VAST database that is
    unreachable.

    \b
    TAMS_DATA_DIR      the folder of the data (./.tams)
    TAMS_GATEWAY_PORT  the port of the API, on loopback (8000)
    TAMS_STORE_URL     the tables (sqlite:/// in the data directory)
    TAMS_GATEWAY_HOST  where the API listens, and object storage too (127.0.0.1)
    TAMS_MEDIA_STORAGE_CONFIG  a file that lists existing object storage, which is then used

    With --auth, `tams token` prints tokens for the store, unless TAMS_AUTH_ISSUER names another issuer.

    Other ports are chosen once and kept; TAMS_METADATA_PORT, TAMS_MEDIA_PORT, TAMS_ANALYTICS_PORT and
    TAMS_S3_PORT set them. Each part serves its metrics, which `tams top` shows. TAMS_METRICS_PORT is the
    port of the first part, and the others have the next ones; with -1 no part serves metrics.
    OTEL_EXPORTER_OTLP_ENDPOINT names a collector of traces. On a terminal, each request is shown;
    TAMS_GATEWAY_ACCESS_LOG=false turns the access log off. TAMS_LOG_LEVEL and the settings of the services
    are passed on to them.
    """
    try:
        runner.up(metadata=metadata, auth=auth, quiet=quiet)
    except CannotRun as error:
        raise exits.Failed(str(error)) from error

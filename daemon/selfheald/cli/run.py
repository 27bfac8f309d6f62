"""``selfheald run``."""

import asyncio
import signal

import click

from selfheald.cli.options import config_option, read_configuration, set_up_logs


@click.command()
@config_option
def run(config: str | None) -> None:
    """Run the daemon until it is told to stop.

    SIGTERM and Ctrl-C stop it: running attempts may finish within `drain_timeout`, what is cut off does not count. A
    second one ends it at once. SIGHUP reads the configuration again; a bad one is refused and the old one stays.
    """
    from selfheald.app.daemon import serve  # noqa: PLC0415 - the daemon's modules take a while to load

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the daemon listens for it: by default it would end us
    configuration = read_configuration(config)
    redact = set_up_logs(configuration)
    asyncio.run(serve(configuration, redact, lambda: read_configuration(config)))

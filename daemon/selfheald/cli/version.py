"""``selfheald version``."""

import click

from selfheald import __version__


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"selfheald {__version__}")

"""``selfheald version``."""

import click

from selfheald import VERSION


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(f"selfheald {VERSION}")

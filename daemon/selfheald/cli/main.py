"""The command ``selfheald``."""

import importlib
import os
import sys
from typing import ClassVar

import click

from selfheald.domain.errors import ConfigError, SelfhealdError

CONFIG_DEFAULT = "config/selfheald.yaml"


class Commands(click.Group):
    """Loads a command's module when it is asked for: `selfheald version` need not wait for everything else."""

    modules: ClassVar[dict[str, str]] = dict.fromkeys(("approve", "reject", "retry", "cancel"), "steer")
    """Where a command is that has no module of its own name."""
    names: ClassVar[dict[str, str]] = {
        "demo": "The whole loop on this machine, with no account, token or network.",
        "run": "Run the daemon.",
        "once": "One sweep, work off what it found, exit (for cron).",
        "check": "Validate the configuration, then probe everything it names.",
        "explain": "Would this pipeline be healed? Every guard and rule with its answer.",
        "backtest": "What would have been healed? The past decided again, by the rules of now.",
        "cases": "What is being treated and what has been.",
        "case": "One case with its history, attempts, diff and cost.",
        "heal": "Open a case by hand.",
        "approve": "Let a case that awaits approval be worked on, or its proposal be pushed.",
        "reject": "Refuse a case that awaits approval.",
        "retry": "Try an open case's next step at once.",
        "cancel": "End an open case.",
        "condition": "Evaluate an expression of Semaphore's conditions language.",
        "version": "Print the version.",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of a user's first day."""
        del ctx
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        del ctx
        if cmd_name not in self.names:
            return None
        module = importlib.import_module(f"selfheald.cli.{self.modules.get(cmd_name, cmd_name)}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules, held by a test
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.names.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    metavar="FILE",
    envvar="SELFHEALD_CONFIG",
    default=CONFIG_DEFAULT,
    show_default=True,
    help="The configuration; also $SELFHEALD_CONFIG.",
)
@click.pass_context
def cli(context: click.Context, config: str) -> None:
    """Turn failed Semaphore pipelines into verified pull requests.

    Start with `selfheald demo`: it needs nothing but this machine. Exit status: 0 done, 1 it ran and the answer is
    no, 2 wrong usage or configuration.
    """
    context.obj = config


def main() -> None:
    """Run the command line; errors are one line for people, never a traceback."""
    sys.exit(_status())


def _status() -> int:
    try:
        # Without its standalone mode click gives back the status of an Exit instead of raising it.
        return cli.main(prog_name="selfheald", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except ConfigError as error:
        click.echo(error.message, err=True)
        return 2
    except SelfhealdError as error:
        click.echo(f"selfheald: {error.message}", err=True)
        return 1
    except (SystemExit, BrokenPipeError):
        # Whoever read our output has left. click and rich then end with 1, which would say "no" here.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0

"""The `cnai` command: gathers the commands and turns errors into one sentence and an exit code."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from cnai._version import __version__
from cnai.cli import (
    bootstrap,
    bundle,
    catalog,
    checking,
    comparing,
    development,
    doctor,
    drift,
    initialise,
    installing,
    lifecycle,
    passthrough,
    policies,
    preflight,
    sandbox,
    schema,
    testing,
    training,
    upgrade,
)
from cnai.cli.console import ExitCode, complain
from cnai.errors import FailedError, UserError

app = typer.Typer(
    name="cnai",
    help="Cloud-native AI platforms as code: preview, bring up and tear down any environment, simulated or real.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for commands in (
    lifecycle,
    bootstrap,
    preflight,
    comparing,
    upgrade,
    drift,
    checking,
    policies,
    catalog,
    training,
    initialise,
    installing,
    doctor,
    passthrough,
    testing,
    schema,
    development,
    bundle,
):
    commands.register(app)
app.add_typer(sandbox.app, name="sandbox")


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cnai {__version__}")
        raise typer.Exit


@app.callback()
def root(version: bool = typer.Option(False, "--version", callback=show_version, is_eager=True)) -> None:
    """Cloud-native AI platforms as code: preview, bring up and tear down any environment, simulated or real.

    Exit codes: 0 done, 1 failure, 2 invalid input, 3 another run holds the environment, 4 not confirmed.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits with its `ExitCode`."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    from cnai.engine import Busy, EngineError
    from cnai.kube.errors import ApiError

    try:
        result = app(arguments, standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.DONE
    except typer.Exit as stop:
        return stop.exit_code
    except TyperException as error:
        complain(f"{error.format_message()} `cnai --help` lists the commands")
        return ExitCode.WRONG_INPUT
    except Busy as error:
        complain(str(error))
        return ExitCode.BUSY
    except (EngineError, ApiError, FailedError) as error:
        complain(str(error))
        return ExitCode.FAILED
    except OSError as error:
        # A full disk, a read-only folder: the machine's state, not a bug.
        if error.strerror is None:
            raise
        complain(f"{error.strerror}: {error.filename}" if error.filename else error.strerror)
        return ExitCode.FAILED
    except UserError as error:
        complain(str(error))
        return ExitCode.WRONG_INPUT
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return ExitCode.INTERRUPTED

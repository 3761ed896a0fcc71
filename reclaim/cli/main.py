"""The program: commands put together, and how each way of ending looks.

Exit codes: 0 done; 1 a check or runs of a sweep have failed, `diff` has found a difference, or the
reader of our output went away; 2 a mistake in what was given, said in one message; 130 interrupted.
Anything else that goes wrong is a bug and shows its traceback.
"""

from __future__ import annotations

import os
import sys

import typer

from reclaim.cli import (
    capture,
    check,
    compare,
    config,
    explain,
    new,
    plugins,
    report,
    results,
    run,
    sweep,
    trace,
)
from reclaim.errors import ReclaimError

# rich's markup and tracebacks cost start-up time and width; help is plain text.
app = typer.Typer(
    name="reclaim",
    help="A laboratory for page reclaim: policies and reverse maps on a simulated machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("sweep")(sweep.sweep)
app.command("check")(check.check)
app.command("explain")(explain.explain)
app.command("capture", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(
    capture.capture
)
app.command("results")(results.results)
app.command("diff")(results.diff)
app.command("report")(report.report)
app.command("plot")(report.plot)
app.add_typer(compare.app, name="compare")
app.add_typer(new.app, name="new")
app.add_typer(trace.app, name="trace")
app.add_typer(plugins.app, name="plugins")
app.add_typer(config.app, name="config")


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Show the version.", is_eager=True),
) -> None:
    if version:
        import reclaim

        print(f"reclaim {reclaim.__version__}")
        raise typer.Exit


def main() -> None:
    """Run the program and exit."""
    sys.exit(_main())


def _main() -> int:
    try:
        app()
    except SystemExit as end:
        return _ended(end.code)
    except ReclaimError as error:
        if os.environ.get("RECLAIM_TRACEBACK"):
            raise
        print(f"reclaim: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _ended(130)
    except BrokenPipeError:
        return _broken_pipe()
    return _ended(0)


def _ended(code: str | int | None) -> int:
    if code == 130:
        print("reclaim: interrupted", file=sys.stderr)
        return 130
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    return code if isinstance(code, int) else int(code is not None)


def _broken_pipe() -> int:
    # The interpreter flushes stdout once more at exit and would complain then.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


if __name__ == "__main__":
    main()

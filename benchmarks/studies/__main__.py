"""Run studies, print their tables, and keep tables and figures for the documentation."""

from __future__ import annotations

import argparse
import importlib

from benchmarks.studies.output import keep, text_table

STUDIES = ("rmap_test", "aim7", "mean_walk", "chains", "depth", "visibility")
LONG = ("ten_thousand",)
"""Run only when named: an hour or more."""


def main() -> None:
    """Run what the command line names, or all but the long ones."""
    parser = argparse.ArgumentParser(prog="benchmarks.studies", description=__doc__)
    parser.add_argument("studies", nargs="*", choices=[*STUDIES, *LONG, []], metavar="STUDY")
    for name in parser.parse_args().studies or STUDIES:
        module = importlib.import_module(f"benchmarks.studies.{name}")
        rows = module.study()
        print(f"\n{module.__doc__.splitlines()[0]}\n\n{text_table(rows)}", flush=True)
        keep(name.replace("_", "-"), rows, module.chart(rows))


if __name__ == "__main__":
    main()

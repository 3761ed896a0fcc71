"""Tables of a comparison as text: one block a question, one group of lines a workload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reclaim.metrics.compare import short

if TYPE_CHECKING:
    from rich.console import Console

    from reclaim.compare.scaling import Growth
    from reclaim.metrics.rmap_tables import Cell, Table


def console() -> Console:
    """Return a console as wide as the terminal, or 100 columns in a pipe or a log."""
    import sys

    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=100)


def show(console: Console, tables: Sequence[Table]) -> None:
    """Print the tables."""
    for table in tables:
        console.print()
        console.print(f"[bold]{table.question}[/bold]", highlight=False)
        console.print(_drawn(table))
        for note in [_legend(table), *table.notes]:
            if note:
                console.print(note, style="dim", highlight=False, markup=False)


def _drawn(table: Table) -> object:
    from rich import box
    from rich.table import Table as Grid

    columns = [name for name in table.units if _said(table, name)]
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    grid.add_column("rmap", no_wrap=True)
    for name in columns:
        texts = any(isinstance(row.get(name), str) for row in table.rows)
        head = name.replace(" ", "\n", 1)
        grid.add_column(head, justify="left" if texts else "right", overflow="fold")
    before: Cell = None
    for row in table.rows:
        if row["workload"] != before:
            before = row["workload"]
            grid.add_row(f"[bold]{before}[/bold]")
        grid.add_row(f"  {row['rmap']}", *(text(row.get(name)) for name in columns))
    return grid


def _legend(table: Table) -> str:
    """Return what the columns mean, where their names do not say it."""
    said = {name: unit for name, unit in table.units.items() if unit and _said(table, name)}
    if len(set(said.values())) == 1:
        return f"In {next(iter(said.values()))}."
    return "; ".join(f"{name}: {unit}" for name, unit in said.items())


def _said(table: Table, column: str) -> bool:
    return any(row.get(column) not in (None, "") for row in table.rows)


def text(cell: Cell) -> str:
    """Return a value for people: three figures, a dash for nothing to say."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell != int(cell) and abs(cell) < 1000:
        return f"{cell:.{2 if abs(cell) < 9.995 else 1 if abs(cell) < 99.95 else 0}f}"
    return short(cell)


def show_growth(console: Console, found: Sequence[Growth], tolerance: float) -> None:
    """Print the fitted exponents beside the claimed ones, a line a strategy and operation."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("rmap", "operation", "grows with"):
        grid.add_column(name, no_wrap=True)
    for name in ("fitted", "claimed", "from", "to", ""):
        grid.add_column(name, justify="right")
    before = ""
    for one in found:
        if before not in ("", one.rmap):
            grid.add_section()
        grid.add_row(
            "" if one.rmap == before else one.rmap,
            one.operation,
            one.family,
            f"{one.fitted:.2f}",
            "-" if one.claimed is None else f"{one.claimed:g}",
            f"{text(one.costs[0])} at {one.sizes[0]:,}",
            f"{text(one.costs[-1])} at {one.sizes[-1]:,}",
            "" if one.agrees(tolerance) else "differs",
        )
        before = one.rmap
    console.print("[bold]How does the cost of an operation grow?[/bold]", highlight=False)
    console.print(grid)
    console.print(
        "exponents: cost ~ size ** exponent, through the larger half of the sizes; costs in steps, "
        "walks in links, VMAs or PTEs looked at",
        style="dim",
        highlight=False,
    )

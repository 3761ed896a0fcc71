"""What a store says, as text: cells with intervals, answers to questions, what moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reclaim.cli.plain import WIDTH, plain
from reclaim.errors import ConfigError, nearest
from reclaim.metrics.compare import short, size
from reclaim.results.cells import Cell, Failed, against, cells_of, failures_of
from reclaim.results.diff import LEAST_SECONDS, Difference, Moved
from reclaim.stats import NO_DIFFERENCE, Comparison, Summary

if TYPE_CHECKING:
    import pyarrow as pa

    from reclaim.store import Store

HEADS = (
    "workload",
    "frames",
    "policy",
    "rmap",
    "seeds",
    "miss %",
    "+-",
    "evicted",
    "refault",
    "walks",
    "rmap peak",
    "model ms",
)
LONG = 500
"""Lines of a table that nobody reads to its end."""

_SHOWN = 5


def overview(store: Store, where: str | None, base: str | None, everything: bool = False) -> str:
    """Return the table of a store: a line for each cell, with what failed below.

    Raises
    ------
    ConfigError
        No policy is called `base`.
    """
    table = store.table(where=where)
    cells, failed = cells_of(table), failures_of(table)
    if not cells and not failed:
        what = "that meet the condition" if where else "yet"
        return f"{store.path}: no results {what}."
    lines = []
    if cells:
        shown = cells if everything else cells[:LONG]
        pressures = len({cell.pressure for cell in cells}) > 1
        lines += [plain(HEADS, [_row(cell, pressures) for cell in shown], (0, 2, 3)), ""]
        if len(shown) < len(cells):
            lines.append(f"{len(cells) - LONG:,} cells more: choose with --where, or give --all.")
        lines += _legend(cells)
    if base is not None:
        lines += ["", *_against(cells, base)]
    if failed:
        lines += ["", *_failed(failed)]
    return "\n".join(lines)


def _row(cell: Cell, pressures: bool) -> tuple[str, ...]:
    ratio = cell.summary("miss_ratio")
    return (
        cell.workload,
        f"{cell.frames} {cell.pressure}" if pressures else cell.frames,
        cell.policy,
        cell.rmap,
        str(cell.nr_seeds),
        "-" if ratio is None else _percent(ratio.mean),
        _half(ratio),
        *(_mean(cell, name) for name in ("evictions", "refaults", "rmap_walks")),
        "-" if (peak := cell.mean("rmap_peak_bytes")) is None else size(peak),
        "-" if (time := cell.mean("modelled_ns")) is None else f"{time / 1e6:.1f}",
    )


def _half(ratio: Summary | None) -> str:
    if ratio is None or ratio.half is None:
        return "-"
    return _percent(ratio.half)


def _percent(share: float) -> str:
    """Return a share in percent, with two figures at least: most misses are few."""
    percent = 100 * share
    return f"{percent:.2f}" if percent >= 0.1 else f"{percent:.2g}"


def _mean(cell: Cell, column: str) -> str:
    found = cell.mean(column)
    return "-" if found is None else short(found)


def _legend(cells: Sequence[Cell]) -> list[str]:
    repeated = any(cell.nr_seeds > 1 for cell in cells)
    lines = ["Means over seeds. +-: half the 95 % confidence interval of miss %."] * repeated
    return [*lines, "model ms: modelled from counts, not measured."]


def _failed(failed: Sequence[Failed]) -> list[str]:
    total = sum(one.count for one in failed)
    lines = [f"{total} run{'s' if total > 1 else ''} failed:"]
    for one in failed[:_SHOWN]:
        lines += [f"  {one.count} x {one.error}", f"      {one.reproduce}"]
    if len(failed) > _SHOWN:
        lines.append(f"  and {len(failed) - _SHOWN} other messages")
    return lines


def _against(cells: Sequence[Cell], base: str) -> list[str]:
    policies = {cell.policy for cell in cells}
    if base not in policies:
        raise ConfigError(f"--base: no policy '{base}' in these results.{nearest(base, policies)}")
    rows = []
    for (policy, rmap), panel in sorted(against(cells, base).items()):
        verdicts = [one.verdict for one in panel.cells.values()]
        rows.append(
            (
                policy,
                rmap,
                *_ratio(panel.overall),
                *(str(verdicts.count(verdict)) for verdict in ("lower", "higher", NO_DIFFERENCE)),
                panel.overall.verdict,
            )
        )
    if not rows:
        return [f"Nothing shares a trace, a size and a seed with {base} over the same rmap."]
    heads = ("policy", "rmap", f"x {base}", "95 % interval", "lower", "higher", "same", "overall")
    return [
        f"Misses as a multiple of {base}'s, over the same rmap, paired by trace, size and seed:",
        "",
        plain(heads, rows, (0, 1, 7)),
        "",
        "x: geometric mean over traces and sizes. lower, higher, same: in how many of them; same:",
        "no difference shown.",
    ]


def _ratio(found: Comparison) -> tuple[str, str]:
    if found.ratio is None:
        return "-", "-"
    if found.interval is None:
        return f"{found.ratio:.3f}", "-"
    return f"{found.ratio:.3f}", f"{found.interval[0]:.3f} to {found.interval[1]:.3f}"


def answer(table: pa.Table) -> str:
    """Return what a question in SQL has found as a table of text."""
    rows = [[_text(value) for value in row.values()] for row in table.to_pylist()]
    heads = table.column_names
    import pyarrow as pa

    kinds = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in table.schema.types]
    names = [i for i, number in enumerate(kinds) if not number]
    wide = [max(len(line[i]) for line in [heads, *rows]) for i in range(len(heads))]
    least = sum(w for i, w in enumerate(wide) if i not in names) + 6 * len(names) + len(heads)
    if least <= WIDTH and (names or sum(wide) + len(wide) <= WIDTH):
        return plain(heads, rows, names)
    # Too many columns for lines: one block a row.
    width = max(map(len, heads))
    blocks = [
        "\n".join(f"{head.ljust(width)}  {cell}" for head, cell in zip(heads, row, strict=True))
        for row in rows
    ]
    return "\n\n".join(blocks)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).replace("\n", " ")


def jsonable(value: Any) -> Any:
    """Return a value as JSON has it: what is not finite is null, what it does not know is text."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)


def diff_text(found: Difference, everything: bool) -> str:
    """Return what moved between two stores."""
    lines = [
        f"A: {found.a}",
        f"B: {found.b}",
        f"{found.equal} runs have equal counts in both; {len(found.moved)} cells moved.",
    ]
    if found.broken:
        lines += ["", "Counts that had to be equal, since neither trace nor code differs:"]
        lines += _moved(found.broken, everything)
    if explained := [one for one in found.moved if one.because]:
        lines += ["", "Counts that moved:", *_moved(explained, everything)]
    for text, names in (
        (f"only in {found.a}", found.only_a),
        (f"only in {found.b}", found.only_b),
        ("ended otherwise", found.ended_otherwise),
    ):
        if names:
            shown = names if everything else names[:_SHOWN]
            lines += ["", f"{len(names)} {text}:", *(f"  {name}" for name in shown)]
            lines += [f"  and {len(names) - len(shown)} more"] * (len(names) > len(shown))
    return "\n".join([*lines, "", *_times(found)])


def _moved(moved: Sequence[Moved], everything: bool) -> list[str]:
    lines = []
    shown = moved if everything else moved[: 4 * _SHOWN]
    for one in shown:
        why = f" ({' and '.join(one.because)} differ)" if one.because else ""
        lines.append(f"  {one.name}, {one.seeds} seed{'s' if one.seeds > 1 else ''}{why}")
        counts = list(one.counts.items())
        for name, how in counts if everything else counts[:_SHOWN]:
            ratio, interval = _ratio(how)
            times = "" if ratio == "-" else f", {ratio} x A"
            times += "" if interval == "-" else f" ({interval})"
            means = f"{short(how.base_mean)} -> {short(how.other_mean)}"
            sure = "" if how.shown else f", over the seeds {NO_DIFFERENCE}"
            lines.append(f"    {name}: {means}{times}{sure}")
        if len(counts) > _SHOWN and not everything:
            lines.append(f"    and {len(counts) - _SHOWN} counts more (--all)")
    if len(moved) > len(shown):
        lines.append(f"  and {len(moved) - len(shown)} cells more (--all)")
    return lines


def _times(found: Difference) -> list[str]:
    floor = f"noise floor {100 * found.floor:.0f} %"
    if not found.times:
        return [f"Time: no two runs of {LEAST_SECONDS} s or more did the same work."]
    apart = [(kind, panel) for kind, panel in found.times.items() if panel.overall.shown]
    lines = []
    if found.machines:
        lines.append(f"Time was taken on different machines: {', '.join(found.machines)}.")
    if not apart:
        return [*lines, f"Time of the access loop: {NO_DIFFERENCE} ({floor})."]
    lines.append(f"Time of the access loop, where equal work took longer or less ({floor}):")
    for (policy, rmap), panel in apart:
        ratio, interval = _ratio(panel.overall)
        said = "" if interval == "-" else f" ({interval})"
        lines.append(f"  {policy}, {rmap}: {ratio} x A{said}, over {panel.overall.n} cells")
    if len(apart) < len(found.times):
        lines.append(f"  {len(found.times) - len(apart)} others: {NO_DIFFERENCE}")
    return lines


def diff_document(found: Difference) -> dict[str, Any]:
    """Return what moved between two stores as JSON values."""
    return {
        "a": found.a,
        "b": found.b,
        "same": found.same,
        "equal_runs": found.equal,
        "moved": [
            {
                "cell": one.name,
                "seeds": one.seeds,
                "because": list(one.because),
                "counts": {name: _comparison(how) for name, how in one.counts.items()},
            }
            for one in found.moved
        ],
        "only_a": found.only_a,
        "only_b": found.only_b,
        "ended_otherwise": found.ended_otherwise,
        "noise_floor": found.floor,
        "machines": list(found.machines),
        "seconds": [
            {"policy": policy, "rmap": rmap, **_comparison(panel.overall)}
            for (policy, rmap), panel in found.times.items()
        ],
    }


def _comparison(how: Comparison) -> dict[str, Any]:
    return {
        "a": how.base_mean,
        "b": how.other_mean,
        "pairs": how.n,
        "b_over_a": how.ratio,
        "interval": how.interval,
        "verdict": how.verdict,
    }

"""What the numbers come from: plugins, parameters, traces, seeds, machines, commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from reclaim.report.cells import MANY_CELLS, Runs


def provenance(runs: Runs) -> str:
    """Return the section that says where everything comes from."""
    sources = runs.sources
    parts = [
        '<section><h2 id="section-sources">Sources</h2>',
        "<p>All that the figures follow from. The same configuration, trace content, plugin "
        "sources and "
        "seeds give the same counts on any machine.</p>",
        "<h3>Plugins</h3>",
        _table(("kind", "name", "results version", "source hash", "file"), _plugins(sources)),
        "<h3>Parameters</h3>",
        _table(("kind", "name in this page", "parameters"), _parameters(runs)),
        "<h3>Traces</h3>",
        _table(
            ("workload", "parameters", "hash of the content", "runs"),
            [
                (row["workload"], row["workload_params"] or "", row["what"] or "", row["runs"])
                for row in sources["traces"]
            ],
        ),
        "<h3>Seeds, pressure, machines</h3>",
        f"<p>Seeds: {escape(_listed(sources['seeds']))}. Pressure: "
        f"{escape(_listed(sources['pressure']))}. "
        f"Started {escape(str(sources['span']['first'] or 'at no recorded time'))} to "
        f"{escape(str(sources['span']['last'] or ''))}.</p>",
        _table(("machine", "runs"), [(_flat(r["what"]), r["runs"]) for r in sources["machine"]]),
        "<h3>Configurations and commands</h3>",
        _commands(runs),
        "</section>",
    ]
    return "\n".join(parts)


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    lines = "".join(
        "<tr>" + "".join(f"<td class=text>{escape(str(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="table tall" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _plugins(sources: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    found: dict[tuple[Any, ...], None] = {}
    for row in sources["provenance"]:
        for kind, about in json.loads(row["what"] or "{}").items():
            if not about:
                continue
            line = (
                kind,
                about.get("name") or about.get("plugin") or "",
                about.get("results_version", ""),
                str(about.get("source_hash") or "")[:16],
                about.get("file") or "",
            )
            found[line] = None
    return sorted(found, key=lambda line: tuple(map(str, line)))


def _parameters(runs: Runs) -> list[tuple[str, str, str]]:
    found: dict[tuple[str, str, str], None] = {}
    for kind in ("policy", "rmap", "workload"):
        for row in runs.cells:
            found[kind, row[kind], _flat(row.get(f"{kind}_params"))] = None
    return sorted(found)


def _flat(text: str | None) -> str:
    values = json.loads(text or "{}")
    return ", ".join(f"{key}: {value}" for key, value in values.items()) or "none"


def _listed(rows: Sequence[Mapping[str, Any]]) -> str:
    shown = ", ".join(f"{row['what']} ({row['runs']:,} runs)" for row in rows[:20])
    return shown + (f" and {len(rows) - 20} more" if len(rows) > 20 else "")


def _commands(runs: Runs) -> str:
    folder = str(runs.store.path)
    condition = runs.condition
    asked = [
        (
            "Every run's exact configuration, as JSON:",
            f"select identity, config from runs where {condition}",
        ),
        ("The command of every run:", f"select identity, reproduce from runs where {condition}"),
    ]
    parts = []
    if len(runs.cells) <= MANY_CELLS:
        parts.append(
            "<p>The table of results has a command for each of its lines. For all runs:</p>"
        )
    for text, sql in asked:
        command = shlex.join(["reclaim", "results", folder, "--sql", sql, "--json"])
        parts.append(f'<p>{escape(text)}</p><code class="command">{escape(command)}</code>')
    words = ["reclaim", "report", folder, "-o", "report.html"]
    words += ["--where", runs.where] if runs.where else []
    parts.append(f'<p>This page:</p><code class="command">{escape(shlex.join(words))}</code>')
    return "".join(parts)

"""The report: one HTML page with everything in it, which loads nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from reclaim.contract.observer import Observer
from reclaim.errors import ConfigError
from reclaim.report.access_map import access_map
from reclaim.report.cells import Runs, sizes_of, usual_size
from reclaim.report.embedded import TABLE, Command, data, element_id, thinned
from reclaim.report.figures import Figure
from reclaim.report.look import Style
from reclaim.report.observed import Observed, observed
from reclaim.report.provenance import provenance
from reclaim.report.rmap_figures import own_figures
from reclaim.report.series import series

# Nothing is loaded, whatever a plugin's chart may ask for. Vega makes functions of expressions.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; font-src data:; form-action 'none'; base-uri 'none'"
)
_SECTIONS = (
    ("Misses", ("misses", "gap")),
    ("What it costs to know", ("work", "direct")),
    ("Reverse maps", ("memory", "cost")),
    ("Over time", ("series", "accesses")),
)


def report(runs: Runs, observers: Iterable[type[Observer]] = ()) -> str:
    """Return the page.

    Parameters
    ----------
    runs : Runs
        What is shown.
    observers : iterable of type
        Whose sections follow.

    Raises
    ------
    PluginError
        An observer breaks its contract.
    """
    with ThreadPoolExecutor(1) as beside:
        # Takes a second or two of the other core.
        library = beside.submit(_library)
        return _document(*_parts(runs, observers), runs, library.result)


def _parts(runs: Runs, observers: Iterable[type[Observer]]) -> tuple[str, str]:
    """Return the body, and the data that its script reads."""
    figures = own_figures(runs)
    if (over_time := series(runs)) is not None:
        figures.append(over_time)
    touched, notes = access_map(runs)
    if touched is not None:
        figures.append(touched)
    others = observed(observers, runs)
    command = Command(runs)
    whole = [*figures, *(figure for part in others for figure in part.figures)]
    body = [
        _head(runs),
        _contents(figures, others),
        _filters(runs),
        "<main>",
        *_own_sections(figures, notes, command),
        *(_observed_section(part, command) for part in others),
        _table(),
        _failures(runs),
        provenance(runs),
        "</main>",
    ]
    return "\n".join(body), data(runs, whole, command)


def _head(runs: Runs) -> str:
    span = runs.sources["span"]
    when = f"{str(span['first'])[:10]} to {str(span['last'])[:10]}" if span["first"] else ""
    if when and when[:10] == when[-10:]:
        when = when[:10]
    cells = runs.cells
    numbers = {
        name: len({row[name] for row in cells}) for name in ("policy", "rmap", "workload", "size")
    }
    said = (
        f"{span['runs']:,} runs of {numbers['policy']} policies over {numbers['rmap']} reverse "
        "maps, "
        f"{numbers['size']} sizes of memory, {numbers['workload']} workloads; runs that differ "
        "in their "
        f"seed alone are one cell, {span['cells']:,} in all."
    )
    title = escape(_title(runs))
    return (
        '<a class="skip" href="#filters">Skip to the filters</a>\n'
        f"<header><h1>{title}</h1><p class=lead>{escape(said)} {escape(when)}</p></header>"
    )


def _title(runs: Runs) -> str:
    return f"Page reclaim: {runs.store.path.resolve().name}"


def _contents(figures: Sequence[Figure], others: Sequence[Observed]) -> str:
    kinds = {figure.kind for figure in figures}
    names = [title for title, inside in _SECTIONS if kinds & set(inside)]
    names += [part.title for part in others] + ["Results", "Sources"]
    items = "".join(f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>' for name in names)
    return f'<nav aria-label="Contents"><ul>{items}</ul></nav>'


def _anchor(title: str) -> str:
    return "section-" + "".join(c.lower() if c.isalnum() else "-" for c in title)


def _filters(runs: Runs) -> str:
    sets = []
    for column, title in (
        ("policy", "Policies"),
        ("rmap", "Reverse maps"),
        ("workload", "Workloads"),
    ):
        names = sorted({row[column] for row in runs.cells})
        boxes = "".join(
            f'<label><input type="checkbox" name="{column}" value="{escape(name)}" checked>'
            f"<span>{escape(name)}</span></label>"
            for name in names
        )
        bulk = "".join(
            f'<button type="button" data-filter="{column}" data-set="{which}" '
            f'aria-label="{title}: {which}">{which}</button>'
            for which in ("all", "none")
        )
        sets.append(
            f'<fieldset><legend>{title}</legend><div class="bulk">{bulk}</div>'
            f'<div class="options">{boxes}</div></fieldset>'
        )
    usual = usual_size(runs.cells)
    options = "".join(
        f'<option value="{escape(size)}"{" selected" * (size == usual)}>{escape(size)}</option>'
        for size in sizes_of(runs.cells)
    )
    sets.append(
        '<fieldset><legend><label for="size">Memory</label></legend>'
        f'<select id="size">{options}</select>'
        "<p class=note>For figures of one size; others show all.</p></fieldset>"
    )
    return (
        '<details class="filters" open><summary>Filters: they change every figure and the table'
        f'</summary><form id="filters" autocomplete="off">{"".join(sets)}</form></details>'
    )


def _own_sections(
    figures: Sequence[Figure], notes: Sequence[str], command: Command
) -> Iterable[str]:
    by_kind = {figure.kind: figure for figure in figures}
    for title, kinds in _SECTIONS:
        inside = [by_kind[kind] for kind in kinds if kind in by_kind]
        said = list(notes) if "accesses" in kinds else []
        if not inside and not said:
            continue
        if "series" in kinds and "series" not in by_kind:
            said.insert(0, "No run took snapshots on its way (epochs), so there is no time series.")
        parts = "".join(_figure(figure, command) for figure in inside)
        parts += "".join(f"<p class=note>{escape(note)}</p>" for note in said)
        yield f'<section><h2 id="{_anchor(title)}">{escape(title)}</h2>{parts}</section>'


def _observed_section(part: Observed, command: Command) -> str:
    figures = "".join(_figure(figure, command) for figure in part.figures)
    return (
        f'<section><h2 id="{_anchor(part.title)}">{escape(part.title)}</h2>'
        f"<p>{escape(part.text)}</p>{figures}</section>"
    )


def _figure(figure: Figure, command: Command) -> str:
    name = element_id(figure)
    choose = ""
    if figure.choice:
        choose = (
            f'<div class="choose"><label for="{name}-choice">{escape(figure.choice_label)}</label>'
            f'<select id="{name}-choice"></select></div>'
        )
    legend = "".join(_key(figure, style) for style in figure.legend)
    legend = f'<ul class="legend" aria-label="Legend">{legend}</ul>' if legend else ""
    panels = "panels" if figure.facet else "panels single"
    scroll = " scroll" if figure.wide else ""
    return (
        f'<figure id="{name}"><h3>{escape(figure.title)}</h3><figcaption><p>{escape(figure.text)}'
        f"{escape(thinned(figure))}</p></figcaption>{choose}{legend}"
        '<p class="chosen" role="status"></p>'
        f'<div class="{panels}{scroll}"></div>'
        '<details class="more data"><summary>Data</summary><p class="note"></p>'
        '<div class="table tall" tabindex="0"></div></details>'
        '<details class="more"><summary>Command that draws this figure</summary>'
        f'<code class="command">{escape(command.of(figure))}</code></details></figure>'
    )


def _key(figure: Figure, style: Style) -> str:
    columns = {"misses": "policy", "memory": "rmap", "direct": "rmap"}
    column = columns.get(figure.kind, "")
    named = f' data-column="{column}" data-name="{escape(style.name)}"' if column else ""
    dash = " ".join(map(str, style.dash)) if style.dash[1:] != [0] and len(style.dash) > 1 else ""
    line = (
        f'<line x1="1" x2="29" y1="7" y2="7" stroke="{style.colour}" stroke-width="2"'
        f' stroke-dasharray="{"" if list(style.dash) in ([1, 0], []) else dash}"/>'
        if figure.kind in ("misses", "memory")
        else ""
    )
    return (
        f'<li{named}><svg width="30" height="14" viewBox="0 0 30 14" aria-hidden="true">{line}'
        f"{_mark(style)}</svg>{escape(style.name)}</li>"
    )


def _mark(style: Style) -> str:
    fill = f'fill="{style.colour}"'
    shapes = {
        "square": f'<rect x="11" y="3" width="8" height="8" {fill}/>',
        "triangle-up": f'<path d="M15 2l5 9h-10z" {fill}/>',
        "triangle-down": f'<path d="M15 12l5 -9h-10z" {fill}/>',
        "triangle-right": f'<path d="M20 7l-9 5v-10z" {fill}/>',
        "diamond": f'<path d="M15 1l5 6l-5 6l-5 -6z" {fill}/>',
        "cross": f'<path d="M13 2h4v3h3v4h-3v3h-4v-3h-3v-4h3z" {fill}/>',
        "stroke": f'<path d="M15 2v10" stroke="{style.colour}" stroke-width="2"/>',
    }
    return shapes.get(style.shape, f'<circle cx="15" cy="7" r="4.2" {fill}/>')


def _table() -> str:
    heads = "".join(
        f'<th scope="col"{" class=number" if kind else ""}><button type="button">{escape(title)}'
        "</button></th>"
        for _name, title, kind in TABLE
    )
    heads += '<th scope="col">Command</th>'
    return (
        '<section><h2 id="section-results">Results</h2><p>A line for each cell: means over its '
        "seeds, and the half width of the 95 % confidence interval where there are several. "
        "Times are modelled from counts by the cost model, not measured. A heading sorts.</p>"
        '<div class="table tall" tabindex="0"><table id="results-table">'
        f"<thead><tr>{heads}</tr></thead><tbody></tbody></table></div>"
        '<p><button type="button" class="show-all" hidden></button></p>'
        "<noscript><p>Figures and this table are drawn by a script in this "
        "page.</p></noscript></section>"
    )


def _failures(runs: Runs) -> str:
    if not runs.failures:
        return ""
    parts = []
    for row in runs.failures:
        text = escape(str(row["error"] or "without a message"))
        parts.append(
            f'<div class="failed"><p>{row["runs"]} runs: {text}</p>'
            f'<code class="command">{escape(str(row["reproduce"] or ""))}</code></div>'
        )
    return f"<section><h2>Failed runs</h2>{''.join(parts)}</section>"


def _library() -> str:
    """Return Vega, Vega-Lite and what puts them into a page."""
    import vl_convert

    # Without an argument it is all of them, which the stubs do not know.
    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]
    return bundle.replace("</script", "<\\/script")


def _document(body: str, data: str, runs: Runs, library: Callable[[], str]) -> str:
    here = resources.files("reclaim.report")
    style = (here / "page.css").read_text(encoding="utf-8")
    script = (here / "page.js").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="reclaim {escape(version("reclaim"))}">\n'
        f"<title>{escape(_title(runs))}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<div class="page">\n{body}\n</div>\n'
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>{library()}</script>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def write_report(page: str, path: Path) -> None:
    """Write a page, whole or not at all.

    Raises
    ------
    ConfigError
        The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        beside.write_text(page, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"-o {path}: cannot be written: {error.strerror}.") from None

"""Charts of the audit page as inline SVG: histograms, bars beside the paper's, a grid of what goes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from canvasagent.craft.tally import TableRow

BINS = 24


def histogram(counts: Mapping[int, int], what: str) -> Markup:
    """Columns of how many records (or turns, pictures) have each number; neighbours are joined if there are many."""
    if not counts:
        return Markup('<p class="dim">nothing to show</p>')
    low, high = min(counts), max(counts)
    step = max(1, -(-(high - low + 1) // BINS))
    bins = [
        (start, sum(counts.get(value, 0) for value in range(start, start + step)))
        for start in range(low, high + 1, step)
    ]
    width, height, top = 560, 200, max(count for _, count in bins)
    bar = width / len(bins)
    parts = []
    for at, (start, count) in enumerate(bins):
        tall = round(150 * count / top, 1)
        name = str(start) if step == 1 else f"{start}–{start + step - 1}"
        shape = f'x="{at * bar + 1:.1f}" y="{170 - tall:.1f}" width="{max(1.0, bar - 2):.1f}" height="{tall}"'
        parts.append(f"<rect {shape} rx='2' class='bar'><title>{name}: {count:,}</title></rect>")
        if len(bins) <= 12:
            parts.append(_text(at * bar + bar / 2, 170 - tall - 5, f"{count:,}", "number"))
        if at % max(1, len(bins) // 8) == 0:
            parts.append(_text(at * bar + bar / 2, 186, str(start), "tick"))
    parts.append(f"<line x1='0' x2='{width}' y1='170.5' y2='170.5' class='axis'/>")
    total = sum(counts.values())
    mean = sum(value * count for value, count in counts.items()) / total
    note = f"{total:,} in all, from {low} to {high}, mean {mean:.1f}"
    parts.append(_text(width, 199, note, "note"))
    return _svg(width, height + 4, f"{what}: {note}", parts)


def paired(lines: Sequence[TableRow], what: str) -> Markup:
    """Shares here (filled) over the paper's (outlined), a row each."""
    width, row, left = 760, 22, 330
    top = max([line.paper_share for line in lines] + [line.here_share for line in lines] + [0.0001])
    parts = []
    for at, line in enumerate(lines):
        y = at * row
        title = f"{line.name}: {line.here:,} here ({line.here_share:.2%}), {line.paper:,} in the paper"
        parts.append(f"<g><title>{escape(title)} ({line.paper_share:.2%})</title>")
        parts.append(_text(left - 8, y + 15, line.name, "label"))
        for share, kind, y_from, tall in (
            (line.here_share, "bar", y + 5, 12),
            (line.paper_share, "outline", y + 3, 16),
        ):
            size = f"width='{(width - left - 150) * share / top:.1f}' height='{tall}'"
            parts.append(f"<rect x='{left}' y='{y_from}' {size} class='{kind}'/>")
        label = f"{line.here:,} · {line.here_share:.1%} / {line.paper_share:.1%}"
        parts.append(_text(width, y + 15, label, "note"))
        parts.append("</g>")
    return _svg(width, row * len(lines) + 4, what, parts)


def grid(having: Mapping[str, int], together: Sequence[tuple[str, str, int]]) -> Markup:
    """How many records call two tools both; the diagonal has how many call one at all."""
    names = sorted(having, key=lambda name: (-having[name], name))
    if not names:
        return Markup('<p class="dim">no calls</p>')
    counts = {(first, second): count for first, second, count in together}
    top = max(having.values())
    cell, left, up = 54, 130, 96
    parts = []
    for column, name in enumerate(names):
        x = left + column * cell + cell / 2
        turned = f"rotate(-40 {x:.0f} {up - 8})"
        parts.append(f"<text x='{x:.0f}' y='{up - 8}' class='head' transform='{turned}'>{escape(name)}</text>")
    for line, first in enumerate(names):
        y = up + line * cell
        parts.append(_text(left - 8, y + cell / 2 + 4, first, "label"))
        for column, second in enumerate(names):
            low, high = sorted((first, second))
            count = having[first] if first == second else counts.get((low, high), 0)
            x = left + column * cell
            strong = count / top
            kind = "own" if first == second else "bar"
            title = f"{first} and {second}: {count:,}" if first != second else f"{first}: {count:,}"
            shade = 0 if not count else 0.12 + 0.88 * strong**0.6
            box = f"x='{x + 1}' y='{y + 1}' width='{cell - 2}' height='{cell - 2}' rx='4'"
            parts.append(f"<rect {box} class='cell'/><rect {box} class='{kind}' opacity='{shade:.2f}'/>")
            parts.append(f"<rect {box} opacity='0'><title>{escape(title)}</title></rect>")
            ink = "number inverse" if shade > 0.55 else "number"
            parts.append(_text(x + cell / 2, y + cell / 2 + 4, f"{count:,}" if count else "", ink))
    side = left + len(names) * cell + 8
    return _svg(side + 30, up + len(names) * cell + 8, "tools that records call together", parts)


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' class='{kind}'>{escape(text)}</text>"


def _svg(width: float, height: float, what: str, parts: Sequence[str]) -> Markup:
    box = f"viewBox='0 0 {width:g} {height:g}' width='{width:g}' height='{height:g}'"
    return Markup(f"<svg {box} role='img' aria-label='{escape(what)}'>{''.join(parts)}</svg>")

"""A picture of how the cost of each stage grows with a collection: both axes logarithmic, SVG without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

WIDTH, HEIGHT, EDGE, LEGEND = 560, 340, 56, 110
COLOURS = ("#1b6ca8", "#d1495b", "#2e8b57", "#e0a030", "#7a5ea8", "#333333", "#8c564b", "#17a2b8", "#999999")


def growth_svg(reports: Sequence[dict[str, Any]], stages: Sequence[str]) -> str:
    """Processor milliseconds of each of `stages` over the passages of `reports`."""
    points = {
        stage: sorted((one["passages"], max(one["stages"][stage]["processor ms"], 0.01)) for one in reports)
        for stage in stages
    }
    across = _axis([passages for line in points.values() for passages, _ in line])
    up = _axis([value for line in points.values() for _, value in line])

    def at(passages: float, value: float) -> str:
        x = EDGE + WIDTH * (math.log10(passages) - across[0]) / (across[1] - across[0])
        y = 10 + HEIGHT * (1 - (math.log10(value) - up[0]) / (up[1] - up[0]))
        return f"{x:.1f},{y:.1f}"

    parts = []
    for power in range(across[0], across[1] + 1):
        x, low = at(10**power, 10.0 ** up[0]).split(",")
        parts.append(f'<path d="M{x},10V{low}" stroke="#ddd"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT + 28}" text-anchor="middle">{10**power:,}</text>')
    for power in range(up[0], up[1] + 1):
        left, y = at(10.0 ** across[0], 10.0**power).split(",")
        parts.append(f'<path d="M{left},{y}H{EDGE + WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{EDGE - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for number, (stage, line) in enumerate(points.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(at(*point) for point in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += ['<circle cx="{}" cy="{}" r="3" fill="{}"/>'.format(*at(*point).split(","), colour) for point in line]
        parts.append(
            f'<text x="{EDGE + WIDTH + 12}" y="{24 + 18 * number}" fill="{colour}" font-weight="bold">{stage}</text>'
        )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {EDGE + WIDTH + LEGEND} {HEIGHT + 54}" '
        f'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n'
        f'<text x="{EDGE + WIDTH / 2}" y="{HEIGHT + 48}" text-anchor="middle">passages; up, processor ms</text>\n'
        "</svg>\n"
    )


def _axis(values: Sequence[float]) -> tuple[int, int]:
    """The powers of ten around `values`."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)

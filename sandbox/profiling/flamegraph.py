"""Flame graphs: a tree of calls as a picture, callers below, widths as instructions.

One SVG file that needs nothing else: what a box stands for is its tooltip, and a click on it
shows it and what is above in full width.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final
from zlib import crc32

from sandbox.profiling.tree import totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.profiling.tree import Node

_WIDTH: Final = 1_200
_ROW: Final = 18
_MARGIN: Final = 10
_LETTER: Final = 6.6  # width of one at 11 px, monospaced
_NARROWEST: Final = 0.3  # what is narrower cannot be seen, and there are many of them

_STYLE: Final = (
    "text{font:11px ui-monospace,monospace;fill:#1d2329;pointer-events:none}"
    "rect{stroke:#fff;stroke-width:.5;cursor:pointer}rect:hover{stroke:#000}"
    "#about{font-size:13px}"
)
# Widths and places of all boxes are data; zooming sets them anew. No other script runs.
_SCRIPT: Final = """
const all=[...document.querySelectorAll('g[data-x]')],W=%(width)d,L=%(letter)s;
function show(x,w){for(const g of all){const gx=+g.dataset.x,gw=+g.dataset.w,
 a=Math.max(gx,x),b=Math.min(gx+gw,x+w),r=g.children[1],t=g.children[2];
 g.style.display=b-a>w*1e-4?'':'none';
 const px=%(margin)d+(a-x)/w*W,pw=(b-a)/w*W;r.setAttribute('x',px);r.setAttribute('width',pw);
 t.setAttribute('x',px+3);const n=Math.floor((pw-6)/L),s=g.dataset.n;
 t.textContent=n<3?'':s.length>n?s.slice(0,n-1)+'\u2026':s}}
for(const g of all)g.addEventListener('click',()=>show(+g.dataset.x,+g.dataset.w));
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place: shares of the whole width, and the row counted from below."""

    name: str
    start: float
    share: float
    row: int
    instructions: int
    calls: int


def flame_graph(root: Node) -> str:
    """Return an SVG document."""
    instructions = totals(root)
    whole = instructions[id(root)]
    found = list(boxes(root, instructions, _NARROWEST / _WIDTH))
    rows = 1 + max(box.row for box in found)
    height = (rows + 2) * _ROW + 2 * _MARGIN
    about = f"{whole:,} instructions. Click on a box to zoom, on the lowest to see all again."
    script = _SCRIPT % {"width": _WIDTH, "letter": _LETTER, "margin": _MARGIN}
    width = _WIDTH + 2 * _MARGIN
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text id="about" x="{_MARGIN}" y="{_MARGIN + 14}">{escape(about)}</text>',
        *(_drawn(box, height) for box in found),
        f"<script><![CDATA[{script}]]></script></svg>\n",
    ]
    return "".join(parts)


def boxes(root: Node, instructions: dict[int, int], narrowest: float) -> Iterator[Box]:
    """Yield the box of each node, above its caller's.

    instructions: as ``totals`` gives them. narrowest: the share below which a box and all on it
    are left out.
    """
    whole = instructions[id(root)] or 1
    waiting = [(root, 0.0, 0)]
    while waiting:
        node, start, row = waiting.pop()
        total = instructions[id(node)]
        yield Box(node.name, start, total / whole, row, total, node.calls)
        for below in sorted(node.below.values(), key=lambda child: child.name):
            share = instructions[id(below)] / whole
            if share >= narrowest:
                waiting.append((below, start, row + 1))
            start += share


def _drawn(box: Box, height: float) -> str:
    x, width = _MARGIN + box.start * _WIDTH, box.share * _WIDTH
    y = height - _MARGIN - (box.row + 1) * _ROW
    about, text = told(box), fitting(box.name, width)
    return (
        f'<g data-x="{box.start:.6f}" data-w="{box.share:.6f}" data-n="{escape(box.name)}">'
        f"<title>{escape(about)}</title>"
        f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{_ROW - 1}" '
        f'fill="{colour(box.name)}"/>'
        f'<text x="{x + 3:.2f}" y="{y + 13}">{escape(text)}</text></g>'
    )


def told(box: Box) -> str:
    """Say what a box stands for."""
    calls = f", called {box.calls:,} times" if box.calls else ""
    return f"{box.name}: {box.instructions:,} instructions ({box.share:.1%}){calls}"


def fitting(name: str, width: float) -> str:
    """Return as much of a name as there is room for in so many pixels; a letter takes 6.6."""
    room = int((width - 6) / _LETTER)
    return name if len(name) <= room else name[: room - 1] + "…" if room > 2 else ""


def colour(name: str) -> str:
    """Return a warm colour, the same for the same name, in every picture."""
    if name.startswith("("):
        return "#c9d3df"
    number = crc32(name.encode())
    return f"hsl({number % 45 + 10},{60 + number // 45 % 30}%,{62 + number // 1_350 % 16}%)"

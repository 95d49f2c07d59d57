"""Figures as SVG, the same bytes for the same figure; the colours every figure shares."""

from __future__ import annotations

import io
import warnings
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers, and by lightness in print.
INK = "#222222"
MUTED = "#6b6b6b"
BLUE = "#0072B2"
SKY = "#7CC0E8"
ORANGE = "#E69F00"
VERMILION = "#C44E00"
GREEN = "#009E73"
GREY = "#BDBDBD"
LAND = "#EFE9DC"
SEA = "#F7FAFC"
PNG_DPI = 150

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "darkcall",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure ready for the page."""

    svg: str
    says: str
    """What it shows, for those who cannot see it."""
    size: tuple[float, float]
    """In inches."""
    draw: Callable[[Figure], None] = field(repr=False, compare=False)

    @property
    def data_uri(self) -> str:
        """As an image source: isolated, so that ids of several figures never clash."""
        return f"data:image/svg+xml;base64,{b64encode(self.svg.encode()).decode('ascii')}"

    def png(self) -> bytes:
        """Drawn again in dots, for what cannot hold an SVG."""
        dots = io.BytesIO()
        _save(self.size, self.draw, dots, format="png", dpi=PNG_DPI, metadata={"Software": None})
        return dots.getvalue()


def picture(size: tuple[float, float], says: str, draw: Callable[[Figure], None]) -> Picture:
    """Draw a figure of `size` inches."""
    stream = io.StringIO()
    _save(size, draw, stream, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(svg=stream.getvalue(), says=says, size=size, draw=draw)


def _save(
    size: tuple[float, float],
    draw: Callable[[Figure], None],
    stream: io.StringIO | io.BytesIO,
    **how: Any,
) -> None:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Text stays text in the SVG, so the reader's fonts draw what ours lack (한글, 汉字).
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(stream, **how)

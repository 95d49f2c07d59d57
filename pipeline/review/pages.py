"""Pages of paper: fonts, foot, what stands across every page, text and tables. The door to fpdf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Literal

import matplotlib
from fpdf import FPDF, FontFace

from pipeline.review.paper import Table
from pipeline.review.picture import Picture

FAMILY = "DejaVu"
MARGIN_MM = 14.0
SMALL_PT, TEXT_PT, HEAD_PT, TITLE_PT = 7.0, 9.0, 12.0, 16.0
INK, MUTED, HEAD_FILL = (34, 34, 34), (107, 107, 107), (235, 240, 245)
BAND_FILL, MARK_INK = (255, 244, 214), (196, 78, 0)
BAND_MM = 6.0
MARK_OPACITY = 0.16
"""Pale enough to read through, dark enough for a photocopy."""
MARK_SHARE = 0.82
"""Of the page's diagonal that the mark may fill."""
MARK_MAX_PT = 80.0
CELL_MAX = 1_200
"""Letters of a cell: a row taller than a page cannot be set."""


class Paper(FPDF):
    """A4 with a foot on every page, and on every page what must not be overlooked."""

    def __init__(
        self,
        foot: str,
        *,
        orientation: Literal["landscape", "portrait"],
        mark: str | None = None,
        band: str | None = None,
    ) -> None:
        """An empty document.

        Args:
            foot: what the pages are of.
            orientation: of every page.
            mark: large and pale across every page.
            band: in a strip at the top of every page.
        """
        super().__init__(orientation=orientation, unit="mm", format="A4")
        self._foot, self._mark, self._band = foot, mark, band
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.add_font(FAMILY, "", fonts / "DejaVuSans.ttf")
        self.add_font(FAMILY, "B", fonts / "DejaVuSans-Bold.ttf")
        self.add_font(FAMILY, "I", fonts / "DejaVuSans-Oblique.ttf")
        self._letters = frozenset(getattr(self.fonts[FAMILY.lower()], "cmap", ()))
        self.set_margins(MARGIN_MM, MARGIN_MM + (BAND_MM if band else 0.0), MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM)
        self.c_margin = 0.0  # text begins where pictures and tables begin

    def header(self) -> None:
        """What must not be overlooked, beneath what follows."""
        if self._band:
            self.set_fill_color(*BAND_FILL)
            self.rect(0, 0, self.w, BAND_MM + 2.0, style="F")
            self.set_xy(MARGIN_MM, 1.5)
            self.set_font(FAMILY, "B", SMALL_PT + 1.0)
            self.set_text_color(*INK)
            self.cell(0, 5, self._band, align="C")
        self.set_xy(self.l_margin, self.t_margin)

    def footer(self) -> None:
        """What the page is of, and its number; the mark lies over the page, so nothing hides it."""
        self.set_y(-MARGIN_MM + 3.0)
        self.set_font(FAMILY, "", SMALL_PT)
        self.set_text_color(*MUTED)
        self.cell(0, 4, self._foot, align="L")
        self.set_x(MARGIN_MM)
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")
        if self._mark:
            self._across(self._mark)

    def _across(self, mark: str) -> None:
        """From the lower left to the upper right."""
        diagonal = (self.w**2 + self.h**2) ** 0.5
        self.set_font(FAMILY, "B", MARK_MAX_PT)
        size = min(MARK_MAX_PT, MARK_MAX_PT * MARK_SHARE * diagonal / self.get_string_width(mark))
        self.set_font(FAMILY, "B", size)
        angle = 32.0 if self.w > self.h else 52.0
        x, y = self.w / 2.0, self.h / 2.0
        self.set_text_color(*MARK_INK)
        with self.local_context(fill_opacity=MARK_OPACITY), self.rotation(angle, x, y):
            self.text(x - self.get_string_width(mark) / 2.0, y + size * 0.12, mark)

    def drawn(self, text: str) -> str:
        """The text; letters that the font lacks (한글, 汉字) by their code, not as empty boxes."""
        return "".join(
            one if ord(one) in self._letters or one in "\n\t" else f"[U+{ord(one):04X}]"
            for one in text
        )

    def say(self, text: str, *, style: str = "", size: float = TEXT_PT, line: float = 4.6) -> None:
        """A paragraph."""
        self.set_text_color(*INK)
        self.set_font(FAMILY, style, size)
        self.multi_cell(0, line, self.drawn(text), new_x="LMARGIN", new_y="NEXT", align="L")

    def heading(self, title: str) -> None:
        """Of a section; never the last line of a page."""
        if self.get_y() > self.h - MARGIN_MM - 22.0:
            self.add_page()
        self.say(title, style="B", size=HEAD_PT, line=7.0)

    def bullets(self, lines: Iterable[str]) -> None:
        """Sentences, one below the other."""
        for text in lines:
            self.say(f"•  {text}")
            self.ln(0.8)

    def figure(self, title: str, figure: Picture) -> None:
        """On the page if it fits under its heading, else on the next; never larger than a page."""
        across, down = figure.size
        aspect = down / across
        width = self.epw
        tallest = self.eph - 20.0
        if width * aspect > tallest:
            width = tallest / aspect
        if self.get_y() + 12.0 + width * aspect > self.h - MARGIN_MM:
            self.add_page()
        self.heading(title)
        self.image(BytesIO(figure.png()), w=width)
        self.set_font(FAMILY, "I", SMALL_PT)
        self.set_text_color(*MUTED)
        self.multi_cell(0, 3.6, self.drawn(figure.says), new_x="LMARGIN", new_y="NEXT")
        self.ln(2)

    def rows(self, table: Table) -> None:
        """A table under its heading."""
        if self.get_y() > self.h - 50.0:
            self.add_page()
        self.heading(table.title)
        if table.note:
            self.say(table.note, size=SMALL_PT + 1.0, line=4.0)
            self.ln(1)
        if table.rows:
            self._grid(table.headings, table.rows, table.widths)
        self.ln(3)

    def _grid(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]
    ) -> None:
        self.set_text_color(*INK)
        self.set_font(FAMILY, "", SMALL_PT)
        head = FontFace(emphasis="BOLD", fill_color=HEAD_FILL)
        with self.table(
            col_widths=tuple(widths), headings_style=head, line_height=3.4, text_align="LEFT",
            padding=0.6, v_align="T",
        ) as grid:  # fmt: skip
            for row in (headings, *rows):
                line = grid.row()
                for text in row:
                    line.cell(_cut(self.drawn(text)))


def _cut(text: str) -> str:
    return text if len(text) <= CELL_MAX else f"{text[:CELL_MAX]} … (cut here, not on the page)"

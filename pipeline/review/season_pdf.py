"""The season on some pages of paper, for those who print or file it.

Findings, the cap, what was missed, voyages, coverage, method: the page's own figures and tables.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import matplotlib
from fpdf import FPDF, FontFace

from pipeline.review.paper import SeasonPaper, Table
from pipeline.review.picture import Picture

FAMILY = "DejaVu"
MARGIN_MM = 14.0
SMALL_PT, TEXT_PT, HEAD_PT, TITLE_PT = 7.0, 9.0, 12.0, 16.0
INK, MUTED, HEAD_FILL = (34, 34, 34), (107, 107, 107), (235, 240, 245)


class _Paper(FPDF):
    """A4 across, with a foot on every page."""

    def __init__(self, foot: str) -> None:
        super().__init__(orientation="landscape", unit="mm", format="A4")
        self._foot = foot
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        self.add_font(FAMILY, "", fonts / "DejaVuSans.ttf")
        self.add_font(FAMILY, "B", fonts / "DejaVuSans-Bold.ttf")
        self.add_font(FAMILY, "I", fonts / "DejaVuSans-Oblique.ttf")
        self.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=MARGIN_MM)

    def footer(self) -> None:
        """What the page is of, and its number."""
        self.set_y(-MARGIN_MM + 3.0)
        self.set_font(FAMILY, "", SMALL_PT)
        self.set_text_color(*MUTED)
        self.cell(0, 4, self._foot, align="L")
        self.set_x(MARGIN_MM)
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")


def write_season_pdf(path: Path, paper: SeasonPaper) -> None:
    """Write the pages."""
    pdf = _Paper(paper.footer)
    pdf.set_creation_date(paper.dated)
    pdf.set_title(paper.title)
    pdf.set_creator("Darkcall")
    pdf.set_producer("Darkcall")
    pdf.add_page()
    _first_page(pdf, paper)
    for title, figure in paper.figures:
        _figure(pdf, title, figure)
    for table in paper.tables:
        _table(pdf, table)
    pdf.add_page()
    _heading(pdf, "Method and limits")
    pdf.set_font(FAMILY, "", TEXT_PT - 1.0)
    pdf.write_html(paper.method_html, font_family=FAMILY)
    pdf.output(str(path))


def _first_page(pdf: _Paper, paper: SeasonPaper) -> None:
    pdf.set_text_color(*INK)
    pdf.set_font(FAMILY, "B", TITLE_PT)
    pdf.multi_cell(0, 8, paper.title, new_x="LMARGIN", new_y="NEXT")
    for notice in paper.notices:
        pdf.set_font(FAMILY, "B", TEXT_PT)
        pdf.multi_cell(0, 5, notice, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)
    for line in paper.findings:
        pdf.set_font(FAMILY, "", TEXT_PT)
        pdf.multi_cell(0, 4.6, f"•  {line}", new_x="LMARGIN", new_y="NEXT")
        pdf.ln(0.8)


def _heading(pdf: _Paper, title: str) -> None:
    pdf.set_text_color(*INK)
    pdf.set_font(FAMILY, "B", HEAD_PT)
    pdf.multi_cell(0, 7, title, new_x="LMARGIN", new_y="NEXT")


def _figure(pdf: _Paper, title: str, figure: Picture) -> None:
    """On the page if it fits under its heading, else on the next; never larger than a page."""
    across, down = figure.size
    aspect = down / across
    width = pdf.epw
    tallest = pdf.eph - 20.0
    if width * aspect > tallest:
        width = tallest / aspect
    if pdf.get_y() + 12.0 + width * aspect > pdf.h - MARGIN_MM:
        pdf.add_page()
    _heading(pdf, title)
    pdf.image(BytesIO(figure.png()), w=width)
    pdf.set_font(FAMILY, "I", SMALL_PT)
    pdf.set_text_color(*MUTED)
    pdf.multi_cell(0, 3.6, figure.says, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(2)


def _table(pdf: _Paper, table: Table) -> None:
    if pdf.get_y() > pdf.h - 50.0:
        pdf.add_page()
    _heading(pdf, table.title)
    if table.note:
        pdf.set_font(FAMILY, "", SMALL_PT + 1.0)
        pdf.multi_cell(0, 4, table.note, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(1)
    pdf.set_font(FAMILY, "", SMALL_PT)
    head = FontFace(emphasis="BOLD", fill_color=HEAD_FILL)
    with pdf.table(
        col_widths=tuple(table.widths), headings_style=head, line_height=3.4, text_align="LEFT",
        padding=0.6,
    ) as drawn:  # fmt: skip
        heading = drawn.row()
        for text in table.headings:
            heading.cell(text)
        for row in table.rows:
            line = drawn.row()
            for text in row:
                line.cell(text)
    pdf.ln(3)

"""The season on some pages of paper, for those who print or file it.

Findings, the cap, what was missed, voyages, coverage, method: the page's own figures and tables.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.review.pages import FAMILY, TEXT_PT, TITLE_PT, Paper
from pipeline.review.paper import SeasonPaper


def write_season_pdf(path: Path, paper: SeasonPaper) -> None:
    """Write the pages."""
    pdf = Paper(paper.footer, orientation="landscape", mark=paper.mark, band=paper.band)
    pdf.set_creation_date(paper.dated)
    pdf.set_title(paper.title)
    pdf.set_creator("Darkcall")
    pdf.set_producer("Darkcall")
    pdf.add_page()
    pdf.say(paper.title, style="B", size=TITLE_PT, line=8.0)
    for notice in paper.notices:
        pdf.say(notice, style="B", line=5.0)
    pdf.ln(2)
    pdf.bullets(paper.findings)
    for title, figure in paper.figures:
        pdf.figure(title, figure)
    for table in paper.tables:
        pdf.rows(table)
    pdf.add_page()
    pdf.heading("Method and limits")
    pdf.set_font(FAMILY, "", TEXT_PT - 1.0)
    pdf.write_html(paper.method_html, font_family=FAMILY)
    pdf.output(str(path))

"""One call on paper, and as a page: both from the same `CallPaper`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.review.call_paper import CallPaper, Shown
from pipeline.review.pages import INK, MARGIN_MM, MUTED, SMALL_PT, TITLE_PT, Paper
from pipeline.review.report import environment
from pipeline.review.reviewed import Reviewed
from pipeline.review.season_sheet import SIMULATED

SHOTS_A_ROW = (3, 4)
"""Of three pictures or fewer; of more."""
SHOT_GAP_MM = 5.0
CAPTION_MM = 3.5
FACT_MM = 42.0


def write_call_page(path: Path, paper: CallPaper) -> None:
    """The HTML page; its chips lie below its own folder."""
    page = environment().get_template("dossier.html").render(paper=paper)
    path.write_text(page, encoding="utf-8", newline="\n")


def write_call_pdf(path: Path, paper: CallPaper) -> None:
    """The same on A4."""
    band = SIMULATED if paper.is_simulated else None
    pdf = Paper(paper.footer, orientation="portrait", mark=paper.review.mark, band=band)
    pdf.set_creation_date(paper.dated)
    pdf.set_title(pdf.drawn(paper.title))
    pdf.set_creator("Darkcall")
    pdf.set_producer("Darkcall")
    pdf.add_page()
    pdf.say(paper.title, style="B", size=TITLE_PT, line=8.0)
    pdf.say(f"{paper.when} UTC", line=6.0)
    pdf.say(f"{paper.review.label}. {paper.review.told}", style="B", line=5.0)
    pdf.say(paper.caveats[0], line=5.0)
    pdf.ln(2)
    _facts(pdf, paper.facts)
    _shots(pdf, paper.shown, path.parent)
    if paper.left_out:
        pdf.say(paper.left_out)
    if paper.strip is not None:
        pdf.figure("Looks at the berth", paper.strip)
    for table in paper.tables:
        pdf.rows(table)
    pdf.heading("The reasoning")
    for section in paper.reasoning:
        pdf.say(section.heading, style="B", line=5.4)
        pdf.bullets(section.sentences)
    _decisions(pdf, paper.review)
    pdf.heading("What this cannot show")
    pdf.bullets(paper.caveats)
    for table in paper.evidence:
        pdf.rows(table)
    pdf.output(str(path))


def _facts(pdf: Paper, facts: Sequence[tuple[str, str]]) -> None:
    for what, value in facts:
        if pdf.get_y() > pdf.h - MARGIN_MM - 12.0:
            pdf.add_page()
        y = pdf.get_y()
        pdf.set_text_color(*MUTED)
        pdf.set_font(size=SMALL_PT + 1.0, style="")
        pdf.cell(FACT_MM, 4.8, what)
        pdf.set_xy(pdf.l_margin + FACT_MM, y)
        pdf.set_text_color(*INK)
        pdf.multi_cell(0, 4.8, pdf.drawn(value), new_x="LMARGIN", new_y="NEXT", align="L")
    pdf.ln(2)


def _shots(pdf: Paper, shown: Sequence[Shown], folder: Path) -> None:
    """Pictures in rows; a row is never parted from its captions."""
    if not shown:
        return
    pdf.heading("Before, at, after")
    across = SHOTS_A_ROW[len(shown) > SHOTS_A_ROW[0]]
    side = (pdf.epw - (across - 1) * SHOT_GAP_MM) / across
    for start in range(0, len(shown), across):
        row = shown[start : start + across]
        tall = side + CAPTION_MM * (3 + max(2 * len(one.lines) for one in row))
        if pdf.get_y() + tall > pdf.h - MARGIN_MM:
            pdf.add_page()
        top, lowest = pdf.get_y(), pdf.get_y()
        for number, one in enumerate(row):
            x = pdf.l_margin + number * (side + SHOT_GAP_MM)
            lowest = max(lowest, _shot(pdf, one, folder, (x, top), side))
        pdf.set_xy(pdf.l_margin, lowest + 2.0)


def _shot(pdf: Paper, one: Shown, folder: Path, at: tuple[float, float], side: float) -> float:
    """One picture over its caption; returns where it ends."""
    x, top = at
    if one.chip is None:
        pdf.set_draw_color(*MUTED)
        pdf.rect(x, top, side, side)
        pdf.set_xy(x, top + side / 2.0)
        pdf.set_text_color(*MUTED)
        pdf.cell(side, CAPTION_MM, "no picture", align="C")
    else:
        pdf.image(str(folder / one.chip), x=x, y=top, w=side, h=side)
    pdf.set_xy(x, top + side + 0.8)
    for number, line in enumerate((one.label, *one.lines)):
        pdf.set_font(size=SMALL_PT, style="" if number else "B")
        pdf.set_text_color(*INK)
        pdf.set_x(x)
        pdf.multi_cell(side, CAPTION_MM, pdf.drawn(line), new_x="LEFT", new_y="NEXT", align="L")
    return float(pdf.get_y())


def _decisions(pdf: Paper, review: Reviewed) -> None:
    """As paragraphs: a note may be longer than a page."""
    pdf.heading("What people decided")
    pdf.say(review.told)
    for one in review.said:
        pdf.say(f"{one.seq}. {one.when} UTC, {one.who}: {one.what}", style="B", line=5.4)
        if one.why:
            pdf.say(one.why)
    pdf.ln(2)

"""The page as its reader gets it: parsed, not searched for."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from pipeline.review.report import write_report
from pipeline.rhythm import Declared

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Elements with their attributes and text, and a check that what opens also closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self.section = ""
        self.all = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append((tag, values))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("section", "article") and "id" in values:
            self.section = values["id"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        data = re.sub(r"\s+", " ", data)
        self.all += data
        self.text[self.section] = self.text.get(self.section, "") + data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    def sources(self) -> list[str]:
        return [values["src"] for tag, values in self.tags if tag == "img" and values["src"]]

    def drawings(self) -> list[str]:
        """Texts of the SVG figures inside the page."""
        head = "data:image/svg+xml;base64,"
        svgs = [s.removeprefix(head) for s in self.sources() if s.startswith(head)]
        return [base64.b64decode(svg).decode() for svg in svgs]


@pytest.fixture
def read(read_and_printed, monkeypatch):
    """Write a report and read its page; the same on paper, which takes as long again, is blank."""
    monkeypatch.setattr("pipeline.review.season_pdf.write_season_pdf", lambda path, _: path.touch())
    return read_and_printed


@pytest.fixture
def read_and_printed(workspace):
    """Write a report, on paper too, and read its page."""

    def write_and_read(report) -> Page:
        folder = workspace / "review" / "season"
        write_report(folder, report)
        return Page((folder / "report.html").read_text(encoding="utf-8"))

    return write_and_read


HOSTILE = "<script>alert('x')</script>"


def test_a_hostile_ship_name_is_text_and_nothing_is_loaded_from_elsewhere(
    read_and_printed, full, made
):
    page = read_and_printed(
        full(
            title=HOSTILE,
            calls=[made.call("c1", ship_name=HOSTILE, counter_evidence=[HOSTILE]),
                   made.call("v", ship_name=HOSTILE, evidence_class="AIS_VISIT")],
            candidates=[made.candidate("c1", 1, ship_name=HOSTILE, reason=HOSTILE)],
            voyages=[made.voyage("y1", "c1", None, ship_name=HOSTILE)],
            failures=[("ais", HOSTILE, HOSTILE)],
        )
    )  # fmt: skip
    assert page.all.count(HOSTILE) >= 8
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base"}
    for _, values in page.tags:
        assert not any(name.startswith("on") for name in values)
        for name in ("src", "href", "srcset", "style"):
            assert not re.match(r"\s*(https?:|//|javascript:)", values.get(name) or "")
    assert "url(" not in page.all
    assert "@import" not in page.all


def test_a_dark_call_stands_with_its_candidates_and_their_numbers(read, full):
    page = read(full())
    (row,) = [row for row in page.rows if "92 ± 11 m" in row and "0.93" in row]
    assert row[0] == "Northportoil-1"
    assert row[1:3] == ["3 Mar 02:09 to 5 Mar 2024 02:09", "6 Mar 02:09 to 8 Mar 2024 08:09"]
    assert row[5:7] == ["0.81", "B"]
    assert row[8:] == [
        "GREY HERON 0.62, a ship we do not know 0.38", "length fits two ships", "NOT REVIEWED",
    ]  # fmt: skip
    ranks = [row[:2] + row[4:6] for row in page.rows if len(row) == 7 and row[0] in ("1", "2")]
    assert ranks == [
        ["1", "GREY HERONMMSI 445000001", "0.62", "yes, with 6 h to spare"],
        ["2", "a ship we do not know", "0.38", "—"],
    ]
    told = page.text["c1"]
    for part in ("dark, P(dark) 0.94", "dark, P(dark) 0.88", "likely off", "24,000 bbl",
                 "14,400 to 36,000", "Sentinel-1 radar", "Sentinel-2 optical"):  # fmt: skip
        assert part in told


def test_visits_on_ais_are_listed_apart(read, full):
    page = read(full())
    assert ("details", {}) in page.tags
    (row,) = [row for row in page.rows if "LOUD GULL" in row]
    assert row[-1] == "visit on AIS"


def test_chips_are_linked_where_they_lie_and_a_missing_one_is_named(read, full, workspace):
    page = read(full())
    links = [source for source in page.sources() if not source.startswith("data:")]
    assert links == ["../../detect/north--1/chips/d1.png"]
    assert all((workspace / "review/season" / unquote(link)).is_file() for link in links)
    assert "chip not found: ../../detect/north--1/chips/d2.png" in page.all


def test_odd_characters_in_a_chip_path_stay_a_path(read_and_printed, full, made, workspace):
    name = 'x" onerror="y#?.png'
    (workspace / "detect/north--1/chips" / name).write_bytes(b"png")
    odd = made.detection("d1", chip=f"../../detect/north--1/chips/{name}")
    page = read_and_printed(full(detections=[odd]))
    (link,) = [source for source in page.sources() if not source.startswith("data:")]
    assert (workspace / "review/season" / unquote(link)).is_file()
    assert not any("onerror" in values for _, values in page.tags)


@pytest.mark.parametrize("is_simulated", [True, False])
def test_the_page_opens_with_what_it_is_not(read, full, is_simulated):
    page = read(full(is_simulated=is_simulated))
    assert "Nobody has reviewed these results." in page.all
    assert ("SIMULATED SEASON" in page.all) is is_simulated
    assert page.all.index("Nobody has reviewed") < page.all.index("GREY HERON")


def test_findings_are_worded_as_lower_bounds(read, full):
    said = read(full()).text["headlines"]
    assert "1 dark port call was found at 1 of 2 ports (1 of tier B)" in said
    assert "about 0.9 of them were made without AIS" in said
    assert "counts are lower bounds" in said
    assert "One image shows presence at an instant, not loading." in said
    assert "upper bound: about 48,000 barrels in 2 deliveries" in said


def test_an_anomaly_is_not_counted_as_a_call(read, full, made):
    page = read(full(calls=[made.call("c1", tier="D")]))
    assert "No dark port call was found, and 1 further anomaly of tier D" in page.text["headlines"]


def test_a_run_that_found_nothing_still_has_a_report(read, empty):
    page = read(empty)
    assert "No dark port call was found" in page.all
    assert "No pass looked at this port: nothing can be said about calls." in page.all
    assert "No delivery was counted." in page.all
    assert "No item failed." in page.all
    assert "how right it was" not in page.all.lower()


def test_a_site_without_zones_is_still_drawn(read, empty):
    bare = tuple(replace(site, zones=()) for site in empty.sites)
    assert len(read(replace(empty, sites=bare)).drawings()) == 2


def test_same_findings_same_bytes_whatever_their_order(full, tmp_path):
    report = full()
    turned = replace(
        report,
        **{name: getattr(report, name)[::-1]
           for name in ("calls", "candidates", "coverage", "detections", "matches", "totals")},
    )  # fmt: skip
    pages = []
    for number, one in enumerate((report, report, turned)):
        folder = tmp_path / "w" / str(number) / "review" / "season"
        folder.mkdir(parents=True)
        write_report(folder, one)
        assert {path.name for path in folder.iterdir()} == {"report.html", "season.pdf", "exports"}
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        pages.append({path.name: path.read_bytes() for path in files})
    assert pages[0] == pages[1] == pages[2]
    assert not [name for name, content in pages[0].items() if b"/tmp" in content]
    assert pages[0]["season.pdf"].startswith(b"%PDF-")


def test_barrels_are_a_band_around_a_median_with_the_cap_drawn(read, full):
    (drawing,) = [svg for svg in read(full()).drawings() if "cap 500,000" in svg]
    for part in ("P10 to P90", "median", "2024, headline", "2024, upper bound"):
        assert drawing.count(f">{part}<") >= 1
    assert drawing.count("stroke-dasharray: 9.6,4.8") == 2  # one cap a panel


def test_what_states_declared_is_a_line_of_its_own(read, full):
    declared = [
        Declared(month_end=date(2024, month, 28), barrels=15_000.0, country="Russia", source="")
        for month in (1, 2)
    ]
    (drawing,) = [s for s in read(full(declared=declared)).drawings() if "cap 500,000" in s]
    assert drawing.count(">declared by states, not added<") == 2  # one a panel


def test_each_calendar_year_has_its_own_cap(read, full, made):
    new_year = made.total("headline", made.at(320), 1, 30_000.0)
    page = read(full(totals=[made.total("headline", made.at(9), 1, 9_000.0), new_year]))
    titles = [re.findall(r">(\d{4}, headline)<", svg) for svg in page.drawings()[:2]]
    assert titles == [["2024, headline"], ["2025, headline"]]
    assert "2025, headline: about 30,000 barrels" in page.text["headlines"]


def test_coverage_is_counted_by_sensor_and_state(read, full):
    rows = read(full()).rows
    assert ["Sentinel-1 radar", "1", "1", "0", "1", "0", "0"] in rows
    assert ["Sentinel-2 optical", "1", "0", "1", "0", "0", "0"] in rows
    # oil-1 was seen on day 4 and on day 17
    assert ["1", "oil-1", "load", "oil products", "13.0 days"] in [row[:5] for row in rows]


def test_passes_without_an_image_are_told_and_are_no_looks(read, full, made):
    missed = [
        made.look("north", zone, "S1", day, state)
        for zone in ("oil-1", "oil-2")
        for day, state in ((8, "not fetched"), (20, "no product"), (32, "no product"))
    ]
    page = read(full(missed=missed))
    assert ["Sentinel-1 radar", "1", "1", "0", "1", "2", "4"] in page.rows
    assert "1 pass could not be fetched, and 2 passes that" in page.text["headlines"]
    looks = re.search(r"were looked at (\d+) times", page.text["headlines"])
    assert looks is not None
    assert looks.group(1) == "5"
    assert "promise" not in read(full()).text["headlines"]


def test_a_guessed_berth_says_so(read, full):
    assert any(row[5].startswith("a guess:") for row in read(full()).rows if row[1:2] == ["oil-2"])


def test_spoofing_leads_failures_and_truth_are_told(read, full):
    page = read(
        full(
            failures=[("fetch", "north--S2A", "Raster cannot be read")],
            rows_set_aside=1312,
            truth_rows=[("dark calls found", "1 of 2")],
        )
    )
    assert "2 clear images show no hull" in page.text["leads"]
    assert ["fetch", "north--S2A", "Raster cannot be read"] in page.rows
    assert "1,312 input rows were set aside" in page.text["failures"]
    assert ["dark calls found", "1 of 2"] in page.rows
    assert "ab" * 32 in page.all


def test_links_lead_somewhere(read, full, workspace):
    page = read(full(truth_rows=[("a", "b")]))
    ids = [values["id"] for _, values in page.tags if "id" in values]
    assert len(ids) == len(set(ids))
    links = [v["href"] for tag, v in page.tags if tag == "a" and v["href"]]
    inside = {link.removeprefix("#") for link in links if link.startswith("#")}
    files = {link for link in links if not link.startswith("#")}
    assert inside <= set(ids)
    assert files
    assert all((workspace / "review" / "season" / file).is_file() for file in files)
    assert len(links) > 8

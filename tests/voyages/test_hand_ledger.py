"""Published figures come out to the barrel under their own assumptions; nonsense is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UsageError
from pipeline.voyages.hand_ledger import Delivery, read_declared, read_hand_ledger

COLUMNS = (
    "ship,dwt_t,load,tonnes,barrels,product,bbl_per_t,loaded_on,delivered_on,deliveries,source"
)


def ledger(tmp_path, *rows, caps=None):
    path = tmp_path / "deliveries.csv"
    path.write_text("\n".join((COLUMNS, *rows)), encoding="utf-8")
    if caps is None:
        return read_hand_ledger(path)
    table = tmp_path / "caps.csv"
    table.write_text("\n".join(("year,barrels,source", *caps)), encoding="utf-8")
    return read_hand_ledger(path, table)


def barrels(tmp_path, row):
    return ledger(tmp_path, row).as_json()["barrels"]


def test_chinas_notification_of_august_2021(tmp_path):
    assert barrels(tmp_path, ",,,1410,,un,,,2021-08-31,,Yonhap 5 October 2021") == 11_745


@pytest.mark.parametrize(
    ("bbl_per_t", "dwt_each", "published"),
    [
        # 46 deliveries, 781,497 bbl at 90 % of deadweight (Panel of Experts, September 2023): with
        # diesel's conversion the ships had 116,398.12 dwt in all, 2,530.3940 each
        ("7.46", 2530.393985, 781_497),
        # the Committee's own conversion asks for smaller ships: 2,266.1151
        ("8.33", 2266.115142, 781_497),
    ],
)
def test_the_panel_of_experts_of_2023(tmp_path, bbl_per_t, dwt_each, published):
    row = f",{dwt_each},0.9,,,,{bbl_per_t},,2023-09-01,46,Panel of Experts 2023"
    told = ledger(tmp_path, row).as_json()

    assert told["barrels"] == published
    assert told["deliveries"] == 46
    assert told["years"]["2023"]["share_of_cap"] == 1.563


def test_ofac_2018_fully_laden(tmp_path):
    """263 deliveries, 3.78 million bbl if fully laden: 14,373 each, 7.56 times the cap."""
    told = ledger(tmp_path, ",,,,3780000,,,,2018-12-31,263,OFAC March 2019").as_json()

    assert round(told["barrels"] / told["deliveries"]) == 14_373
    assert told["years"]["2018"]["share_of_cap"] == 7.56
    # two thirds empty, the first half of the year alone still passes it
    laden = ",1929.0,1.0,,,un,,,2018-06-30,263,the same as deadweight"
    third = ",1929.0,0.3333333333,,,un,,,2018-06-30,263,a third laden"
    assert barrels(tmp_path, laden) == pytest.approx(4_226_000, abs=500)
    assert barrels(tmp_path, third) > 500_000


def test_one_ship_by_hand(tmp_path):
    told = ledger(
        tmp_path,
        "CHON MA SAN,3565,0.9,,,diesel,,2024-06-08,2024-06-12,,",
        "CHON MA SAN,3565,0.9,,,un,,2024-07-01,2024-07-03,,",
    ).as_json()

    assert told["months"] == {"2024-06": 23_935, "2024-07": 26_727}
    assert told["ships"] == {"CHON MA SAN": 50_662}


def test_the_day_a_cap_is_passed_is_named(tmp_path):
    rows = [f",,,,200000,,,,2024-0{month}-10,," for month in (5, 3, 4)]
    told = ledger(tmp_path, *rows).as_json()["years"]["2024"]

    assert told["crossed_on"] == "2024-05-10"
    assert ledger(tmp_path, *rows, caps=["2024,350000,as if"]).crossed_on(2024) == "2024-04-10"
    assert ledger(tmp_path, *rows[:2]).crossed_on(2024) is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (",-3565,0.9,,,diesel,,,2024-06-12,,", "dwt_t"),
        (",3565,1.9,,,diesel,,,2024-06-12,,", "load"),
        (",3565,0.9,,,moonshine,,,2024-06-12,,", "unknown product 'moonshine'"),
        (",3565,0.9,,,diesel,,2024-06-13,2024-06-12,,", "before it was loaded"),
        (",,,56000,1000000,,,,2024-11-22,,Pravda", "17.9 bbl/t"),
        (",,,,,,,,2024-11-22,,", "expected barrels, or tonnes, or dwt_t and load"),
        (",3565,0.9,,,diesel,7.46,,2024-06-12,,", "a product and a conversion"),
        (",3565,0.9,,,,79,,2024-06-12,,", "no oil product"),
        (",3565,0.9,,,diesel,,,soon,,", "delivered_on"),
        ("too,short", "more or fewer cells"),
    ],
)
def test_nonsense_is_refused_and_its_row_named(tmp_path, row, says):
    with pytest.raises(UsageError) as refused:
        ledger(tmp_path, "GOOD,1000,0.9,,,diesel,,,2024-01-01,,", row)

    assert says in str(refused.value)
    assert "deliveries.csv, row 3" in str(refused.value)


def test_two_caps_for_a_year_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"Two caps for 2024: .*caps.csv, row 4"):
        ledger(tmp_path, caps=["2023,500000,", "2024,500000,", "2024,400000,"])


@given(
    tonnes=st.floats(1.0, 1e6),
    implied=st.floats(0.1, 40.0).filter(lambda f: not 5.9 < f < 6.1 and not 8.9 < f < 9.1),
)
def test_a_figure_in_two_units_holds_only_where_oil_could_weigh_so(tonnes, implied):
    row = {"tonnes": tonnes, "barrels": tonnes * implied, "delivered_on": "2024-01-01"}
    if 6.0 <= implied <= 9.0:
        assert Delivery.model_validate(row).counted_bbl == tonnes * implied
    else:
        with pytest.raises(ValueError, match="no oil product"):
            Delivery.model_validate(row)


def declared(tmp_path, *rows):
    path = tmp_path / "declared.csv"
    path.write_text("\n".join(("month,country,barrels,tonnes,source", *rows)), encoding="utf-8")
    return read_declared(path)


def test_declared_months_are_read_in_barrels_or_the_committees_tonnes(tmp_path):
    told = declared(
        tmp_path, "2024-02,China,,1410,Yonhap", "2024-01,Russia,15279,,Korea Herald 10382149"
    )
    assert [(one.month_end.isoformat(), round(one.barrels), one.country) for one in told] == [
        ("2024-01-31", 15_279, "Russia"),
        ("2024-02-29", 11_745, "China"),
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2024-13,China,1,,", "month"),
        ("2024-01,China,,,", "expected barrels or tonnes"),
        ("2024-01,China,1000000,56000,", "17.9 bbl/t"),
        ("2024-01,China,-5,,", "barrels"),
        ("2024-02,RUSSIA,7,,", "declared 2024-02 twice"),
    ],
)
def test_nonsense_in_what_was_declared_is_refused_by_row(tmp_path, row, says):
    with pytest.raises(UsageError) as refused:
        declared(tmp_path, "2024-02,Russia,5140,,", row)
    assert says in str(refused.value)
    assert "declared.csv, row 3" in str(refused.value)


def test_the_command_prints_one_object_and_refuses_with_a_code(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text(f"{COLUMNS}\n,,,1410,,un,,,2021-08-31,,\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["ledger", str(path), "--json"])

    assert done.exit_code == 0
    assert json.loads(done.stdout.splitlines()[-1])["barrels"] == 11_745

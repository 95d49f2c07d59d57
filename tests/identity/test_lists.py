"""Watch lists in the forms they are published in."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import BadInput
from pipeline.identity.lists import WatchList, checked_imo, read_list
from pipeline.identity.settings import Settings

OFAC = (
    '36,"AEROCARIBBEAN AIRLINES",-0- ,"CUBA",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n'
    '17069,"CHONG CHON GANG","vessel","DPRK",-0- ,"HMZB","General Cargo",-0- ,-0- ,'
    '"Korea",-0- ,"(a.k.a. \'CHONG CHON\') Vessel Registration Identification IMO 7937317; MMSI '
    '445114000 (Vessel)."\n'
)
XML = """<?xml version="1.0"?>
<sdnList xmlns="https://sanctionslistservice.ofac.treas.gov/api/x">
 <publshInformation><Publish_Date>03/20/2026</Publish_Date></publshInformation>
 <sdnEntry><uid>9</uid><lastName>SOMEBODY</lastName><sdnType>Individual</sdnType></sdnEntry>
 <sdnEntry><uid>73413</uid><lastName>EBANO</lastName><sdnType>Vessel</sdnType>
  <programList><program>RUSSIA-EO14024</program><program>CUBA</program></programList>
  <akaList><aka><lastName>EBONY</lastName></aka></akaList>
  <idList>
   <id><idType>Vessel Registration Identification</idType><idNumber>IMO 7406784</idNumber></id>
   <id><idType>MMSI</idType><idNumber>620999538</idNumber></id></idList>
  <vesselInfo><callSign>D6A</callSign></vesselInfo></sdnEntry>
</sdnList>"""
SIMPLE = (
    "id,schema,name,aliases,birth_date,countries,addresses,identifiers,sanctions,phones,emails,"
    "program_ids,dataset,first_seen,last_seen,last_change\n"
    'NK-1,Vessel,Rye Song Gang 1,"RYESONGGANG 1;HUNG SONG",,kp,,"IMO7389704;MMSI 445066000",UN,,,'
    "UN-SCDPRK,UN,2020-01-01,2026-01-01,2026-01-01\n"
    "NK-2,Person,Somebody,,,,,,,,,,,,,\n"
)
MARITIME = (
    "type,caption,imo,risk,countries,flag,mmsi,id,url,datasets,aliases\n"
    "VESSEL,AN SAN 1,IMO7303803,sanction,kp,kp,445000001,x,u,d,AN SAN;AN SAN ILHO\n"
    "ORGANIZATION,ACME,,,,,,y,u,d,\n"
)
UN = "imo_number,vessel_name,date_of_designation\n7303803,AN SAN 1,2018-03-30\n"
FTM = [
    {"id": "s", "schema": "Sanction", "properties": {"entity": ["v"], "startDate": ["2018-03-30"]}},
    {"id": "t", "schema": "Sanction", "properties": {"entity": ["v"], "startDate": ["2020-01-01"]}},
    {
        "id": "v", "schema": "Vessel",
        "properties": {
            "name": ["An San 1"], "previousName": ["Old"], "imoNumber": ["IMO7303803"],
            "mmsi": ["445000001"], "programId": ["UN-SCDPRK"],
        },
    },
    {"id": "o", "schema": "Organization", "properties": {"name": ["Owner"]}},
]  # fmt: skip


def read(folder, text, name="list.csv") -> WatchList:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = read_list(path, settings=Settings())
    assert found.rows_in == len(found.ships) + len(found.issues)
    return found


def test_ofac_s_csv_without_headings(tmp_path):
    found = read(tmp_path, OFAC, "sdn.csv")
    (ship,) = found.ships
    assert (found.format, found.version, ship.list_name) == ("OFAC sdn.csv", None, "sdn")
    assert (ship.entry_id, ship.name, ship.imo, ship.mmsis) == (
        "17069", "CHONG CHON GANG", 7937317, ["445114000"],
    )  # fmt: skip
    assert (ship.names, ship.callsign, ship.programs) == (
        ["CHONG CHON GANG", "CHONG CHON"], "HMZB", "DPRK",
    )  # fmt: skip
    assert ship.designated_on is None


def test_ofac_s_xml_says_when_it_was_made(tmp_path):
    found = read(tmp_path, XML, "sdn.xml")
    (ship,) = found.ships
    assert (found.format, found.version) == ("OFAC SDN XML", "2026-03-20")
    assert (ship.imo, ship.mmsis, ship.names) == (7406784, ["620999538"], ["EBANO", "EBONY"])
    assert (ship.programs, ship.callsign) == ("RUSSIA-EO14024; CUBA", "D6A")


@pytest.mark.parametrize(
    ("text", "imo", "mmsis", "names", "day"),
    [
        (UN, 7303803, [], ["AN SAN 1"], (2018, 3, 30)),
        (SIMPLE, 7389704, ["445066000"], ["Rye Song Gang 1", "RYESONGGANG 1", "HUNG SONG"], None),
        (MARITIME, 7303803, ["445000001"], ["AN SAN 1", "AN SAN", "AN SAN ILHO"], None),
        ("# Name,MMSI\nLADA,273312000\n", None, ["273312000"], ["LADA"], None),
        ("imo,listed_on\n9307839,31 March 2022\n", 9307839, [], [], (2022, 3, 31)),
        ("name,imo,mmsi_current,mmsi_legacy,former_names\nZHUO,9408683,352005626,,Profit / Sun\n",
         9408683, ["352005626"], ["ZHUO", "Profit", "Sun"], None),
    ],
    ids=["UN", "OpenSanctions targets", "OpenSanctions maritime", "own", "only numbers", "GUR"],
)  # fmt: skip
def test_lists_with_headings(tmp_path, text, imo, mmsis, names, day):
    (ship,) = read(tmp_path, text).ships
    assert (ship.imo, ship.mmsis, ship.names) == (imo, mmsis, names)
    assert ship.designated_on == (day and datetime(*day, tzinfo=UTC))


def test_follow_the_money_dates_a_ship_by_its_first_sanction(tmp_path):
    found = read(tmp_path, "\n".join(map(json.dumps, FTM)), "entities.ftm.json")
    (ship,) = found.ships
    assert (ship.imo, ship.names, ship.programs) == (7303803, ["An San 1", "Old"], "UN-SCDPRK")
    assert ship.designated_on == datetime(2018, 3, 30, tzinfo=UTC)


def test_a_wrong_number_is_no_number_and_a_ship_without_any_is_set_aside(tmp_path):
    found = read(tmp_path, "name,imo,mmsi\nLADA,9307838,12\n,9307838,\n")
    (ship,) = found.ships
    assert (ship.name, ship.imo, ship.mmsis) == ("LADA", None, [])
    assert [(issue.where, issue.rule) for issue in found.issues] == [
        ("list.csv ship 2", "no name and no number")
    ]


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n", '{"features": []}', "[1]", "<other/>", "<sdnList", b"\xff\xfe\0\0", "",
     '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><sdnList/>'],
)  # fmt: skip
def test_what_is_no_list_is_one_message_with_the_file_s_name(tmp_path, text):
    with pytest.raises(BadInput, match=r"list\.csv"):
        read(tmp_path, text)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from([OFAC, XML, SIMPLE, MARITIME, UN]), st.data())
def test_a_damaged_list_is_read_or_refused(tmp_path, text, data):
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(0, 5))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
    assert read_or_named(tmp_path, bytes(content))


def read_or_named(folder, content) -> bool:
    try:
        read(folder, content)
    except BadInput as refused:
        return "list.csv" in str(refused)
    return True


def test_the_check_digit_by_hand():
    # 7303803: 7*7 + 3*6 + 0*5 + 3*4 + 8*3 + 0*2 = 103.
    assert checked_imo("IMO 7303803") == 7303803
    assert checked_imo("7303804") is None
    assert checked_imo("730380") is None


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "ships"),
    [
        ("ofac_sdn/sdn.csv", 851), ("un1718/un1718_32.csv", 32), ("gur_vessels_master.csv", 1414),
        ("ofac_sdn/sample_sdn.xml", 2), ("ofac_sdn/sample_sdn_modern.xml", 1),
        ("ofac_sdn/sdn_dprk_vessels.csv", 105),
    ],
)  # fmt: skip
def test_real_lists_are_read_completely(reference_data, name, ships):
    found = read_list(reference_data / "watchlists" / name, settings=Settings())
    assert found.rows_in == len(found.ships) + len(found.issues) == ships
    if "sample" not in name:
        assert sum(ship.imo is not None for ship in found.ships) >= 0.75 * ships

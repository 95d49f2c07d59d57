"""The CSV dialects of AIS providers: which column is what, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.ais.settings import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Columns (lower case) of one provider's files."""

    name: str
    needs: frozenset[str]
    """Columns by which the dialect is recognised."""
    columns: Mapping[str, str]
    """Our name to theirs."""
    time_format: str
    """strptime format, UTC; or `epoch_s`, `epoch_ms`."""
    speed_kn: float = 1.0
    """Knots of one unit of speed."""
    size_m: float = 1.0
    """Metres of one unit of lengths and draught."""
    types: Mapping[str, int] = field(default_factory=dict)
    """Ship types written as words, lower case, to ITU codes; empty: codes already."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Navigational statuses written as words, lower case, to ITU codes."""
    receiver: str | None = None
    """What kind of receivers the provider has: terrestrial or satellite."""


DMA = Dialect(
    name="Danish Maritime Authority CSV",
    needs=frozenset({"# timestamp", "mmsi", "latitude", "longitude", "type of mobile"}),
    columns={
        "sent_at": "# timestamp", "mmsi": "mmsi", "lon": "longitude", "lat": "latitude",
        "sog": "sog", "cog": "cog", "heading": "heading", "status": "navigational status",
        "imo": "imo", "callsign": "callsign", "name": "name", "type": "ship type",
        "length": "length", "width": "width", "draught": "draught", "destination": "destination",
        "ais_class": "type of mobile",
    },
    receiver="terrestrial",
    time_format="%d/%m/%Y %H:%M:%S",
    types={
        "tanker": 80, "cargo": 70, "passenger": 60, "fishing": 30, "tug": 52, "towing": 31,
        "towing long/wide": 32, "dredging": 33, "diving": 34, "military": 35, "sailing": 36,
        "pleasure": 37, "hsc": 40, "pilot": 50, "sar": 51, "port tender": 53,
        "anti-pollution": 54, "law enforcement": 55, "medical": 58, "wig": 20, "other": 90,
    },
    statuses={
        "under way using engine": 0, "at anchor": 1, "not under command": 2,
        "restricted maneuverability": 3, "constrained by her draught": 4, "moored": 5,
        "aground": 6, "engaged in fishing": 7, "under way sailing": 8,
    },
)  # fmt: skip

_MARINECADASTRE = {
    "mmsi": "mmsi", "sog": "sog", "cog": "cog", "heading": "heading", "imo": "imo",
    "status": "status", "length": "length", "width": "width", "draught": "draft",
}  # fmt: skip

MARINECADASTRE = Dialect(
    name="MarineCadastre CSV, before 2025",
    needs=frozenset({"mmsi", "basedatetime", "lat", "lon"}),
    columns={
        **_MARINECADASTRE, "sent_at": "basedatetime", "lon": "lon", "lat": "lat",
        "callsign": "callsign", "name": "vesselname", "type": "vesseltype",
        "ais_class": "transceiverclass",
    },
    receiver="terrestrial",
    time_format="%Y-%m-%dT%H:%M:%S",
)  # fmt: skip

MARINECADASTRE_2025 = Dialect(
    name="MarineCadastre CSV, from 2025",
    needs=frozenset({"mmsi", "base_date_time", "latitude", "longitude"}),
    columns={
        **_MARINECADASTRE, "sent_at": "base_date_time", "lon": "longitude", "lat": "latitude",
        "callsign": "call_sign", "name": "vessel_name", "type": "vessel_type",
        "ais_class": "transceiver",
    },
    receiver="terrestrial",
    time_format="%Y-%m-%d %H:%M:%S",
)  # fmt: skip


def dialect_of(columns: Columns) -> Dialect:
    """A dialect that a user described."""
    theirs: dict[str, str] = {ours: name.lower() for ours, name in columns.columns.items()}
    return Dialect(
        name=columns.name,
        needs=frozenset(theirs.values()),
        columns=theirs,
        time_format=columns.time_format,
        speed_kn=columns.speed_kn,
        size_m=columns.size_m,
        receiver=columns.receiver,
    )


DIALECTS = (DMA, MARINECADASTRE, MARINECADASTRE_2025)

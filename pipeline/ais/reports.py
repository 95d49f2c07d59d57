"""What messages say, gathered one by one into columns, for the formats that are no tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables import TIME

POSITION = {
    "mmsi": pa.int64(), "sent_at": pa.int64(), "lon": pa.float64(), "lat": pa.float64(),
    "sog_kn": pa.float64(), "cog_deg": pa.float64(), "heading_deg": pa.float64(),
    "nav_status": pa.int64(), "ais_class": pa.string(), "receiver": pa.string(),
}  # fmt: skip
IDENTITY = {
    "mmsi": pa.int64(), "sent_at": pa.int64(), "imo": pa.int64(), "name": pa.string(),
    "callsign": pa.string(), "ship_type": pa.int64(), "draught_m": pa.float64(),
    "destination": pa.string(), "length_m": pa.float64(), "width_m": pa.float64(),
}  # fmt: skip
TENTHS = ("sog_kn", "cog_deg", "draught_m")
"""Sent in tenths; in single precision, as aiscat gives it, 102.2 kn are more than 102.2 kn."""
Cells = Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class Reports:
    """Columns as they grow; `sent_at` in microseconds since 1970."""

    positions: list[Cells] = field(default_factory=list)
    """By the names of `POSITION`; what is left out is null."""
    identities: list[Cells] = field(default_factory=list)
    """By the names of `IDENTITY`; what is left out is null."""

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """As `rows.marked_fixes` and `rows.said_statics` take them."""
        return _table(self.positions, POSITION), _table(self.identities, IDENTITY)


def _table(rows: list[Cells], kinds: Mapping[str, pa.DataType]) -> pa.Table:
    arrays = {
        name: pa.array([cells.get(name) for cells in rows], kind) for name, kind in kinds.items()
    }
    arrays |= {name: pc.round(arrays[name], 1) for name in TENTHS if name in arrays}
    return pa.table({**arrays, "sent_at": arrays["sent_at"].cast(TIME)})

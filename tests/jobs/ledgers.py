"""Rows of tables, as little of each as a test cares for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints

from pipeline.records import CallVersion, Case, Coverage, Detection, PortCall

BEGIN = datetime(2024, 3, 1, tzinfo=UTC)
BLANK: dict[Any, Any] = {
    str: "x", int: 1, float: 0.5, bool: False, datetime: BEGIN, list[str]: [], list[float]: [],
}  # fmt: skip


def filled(record: type, **told: Any) -> Any:
    """A record with something in every column that has to have something."""
    hints = get_type_hints(record)
    blank = {
        one.name: BLANK.get(hints[one.name])
        for one in fields(record)
        if one.default is MISSING and one.default_factory is MISSING
    }
    return record(**{**blank, **told})


def detection(name: str, scene_id: str, at: datetime) -> Detection:
    return filled(
        Detection, detection_id=name, scene_id=scene_id, sensed_at=at, lon=130.0, lat=42.0
    )


def coverage(site: str, scene_id: str, at: datetime, *, state: str = "seen") -> Coverage:
    return filled(
        Coverage, site_id=site, zone_id=f"{site}-1", scene_id=scene_id, sensed_at=at, state=state
    )


def call(name: str, found: Sequence[Detection]) -> PortCall:
    """A dark call that these detections show."""
    times = [one.sensed_at for one in found]
    site = found[0].scene_id.rsplit("_", 1)[1]
    return filled(
        PortCall, call_id=name, site_id=site, zone_id=f"{site}-1", evidence_class="IMAGE_ONLY",
        tier="D", arrival_earliest=None, arrival_latest=min(times), departure_earliest=max(times),
        departure_latest=None, detection_ids=[one.detection_id for one in found],
    )  # fmt: skip


def case(name: str, evidence_ids: list[str]) -> Case:
    return filled(Case, case_id=name, site_id="alder", evidence_ids=evidence_ids)


def version(event: str, evidence_ids: list[str]) -> CallVersion:
    return filled(
        CallVersion, event_id=event, recorded_at=BEGIN + timedelta(days=1), site_id="alder",
        evidence_ids=evidence_ids,
    )  # fmt: skip


def item_document(scene_id: str, site: str, at: datetime) -> dict[str, Any]:
    """A fetched scene's STAC item, as far as it is read without pixels."""
    names = ("processing_baseline", "reflectance_offset", "orbit_state", "relative_orbit",
             "heading_deg", "incidence_deg", "range_over_velocity_s")  # fmt: skip
    told = {"site_id": site, "sensor": "S2", "provider": "p", "product_ids": [scene_id],
            "valid_fraction": 1.0, "cloud_fraction": 0.0}  # fmt: skip
    return {
        "id": scene_id,
        "properties": {
            "platform": "sentinel-2a", "datetime": at.isoformat(), "gsd": 10.0,
            **{f"darkcall:{name}": value for name, value in told.items()},
            **{f"darkcall:{name}": None for name in names},
        },
        "assets": {band: {"href": f"./{band}.tif"} for band in ("B02", "B03")},
    }  # fmt: skip

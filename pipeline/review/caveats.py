"""What none of this can show: the same sentences on every page, dossier and manifest."""

from __future__ import annotations

PRESENCE = "One image shows presence at an instant, not loading."
CAVEATS: dict[str, str] = {
    PRESENCE: "Neither cargo nor draught can be seen in 10 m pixels; nor can a name, a hull's "
    "colour or a flag.",
    "Counts are lower bounds.": "Passes are days apart and at fixed hours; cloud hides the optical "
    "ones. A call between two looks leaves no trace here. “No call” is never inferred from “no "
    "image”.",
    "Silence is not guilt.": "A receiver may not have heard, a set may have failed. A silence "
    "weighs only where other ships were heard nearby; P(dark) is the probability that no ship on "
    "the air is the hull, not that somebody switched a tracker off.",
    "A candidate is a lead, not an identification.": "Length from 10 m pixels is good to 10 to "
    "20 m, which fits most ships of one trade.",
    "Barrels are scenarios.": "Deadweight, load and barrels a tonne are assumed with a spread; "
    "published estimates differ by a factor of three in load alone.",
    "Late AIS may change a result.": "Outcomes stay provisional until late records have had time "
    "to arrive.",
    "Berth outlines decide what counts as a call.": "Each has a source and a date; guesses are "
    "marked so.",
}
"""What it cannot show, and why."""
SENTENCES = tuple(f"{claim} {why}" for claim, why in CAVEATS.items())

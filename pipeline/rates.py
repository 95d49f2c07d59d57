"""How often a detector finds a ship, and how often it finds one that is none: as measured.

`models/<name>/rates.yaml`, written by `darkcall evaluate detection --rates`, read by matching.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import UsageError

FILE = "rates.yaml"
MAX_BYTES = 100_000
Floats = NDArray[np.float64]
Share = Annotated[float, Field(gt=0, lt=1)]
Density = Annotated[float, Field(gt=0)]


class Rates(BaseModel):
    """By class of length (rows, shortest first) and of shore distance (columns, nearest first)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="what they were measured on")
    length_edges_m: tuple[float, ...] = Field(description="m between the length classes")
    shore_edges_m: tuple[float, ...] = Field(description="m between the shore classes")
    recall: tuple[tuple[Share, ...], ...] = Field(description="P(a ship there is detected)")
    false_per_km2: tuple[tuple[Density, ...], ...] = Field(
        description="detections a km2 of water that are no ship"
    )

    @model_validator(mode="after")
    def _fits(self) -> Rates:
        rows, columns = len(self.length_edges_m) + 1, len(self.shore_edges_m) + 1
        for table in (self.recall, self.false_per_km2):
            if len(table) != rows or any(len(row) != columns for row in table):
                raise ValueError(f"a table is not {rows} x {columns}")
        return self

    def recall_of(self, length_m: Floats, shore_m: Floats) -> Floats:
        """(n,) recall; a length that is not known (NaN) is taken as a middling ship's."""
        middling = self.length_edges_m[0]
        return self._look_up(self.recall, np.nan_to_num(length_m, nan=middling), shore_m)

    def false_alarms(self, length_m: Floats, shore_m: Floats) -> Floats:
        """(n,) detections a km² of that class of length that are no ship."""
        return self._look_up(self.false_per_km2, length_m, shore_m)

    def _look_up(
        self, table: tuple[tuple[float, ...], ...], length_m: Floats, shore_m: Floats
    ) -> Floats:
        row = np.searchsorted(self.length_edges_m, length_m, side="right")
        column = np.searchsorted(self.shore_edges_m, shore_m, side="right")
        return np.asarray(np.array(table)[row, column])


def read_rates(path: Path) -> Rates:
    """From a model's folder.

    Raises:
        UsageError: not there, too large, or not as it should be.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError("Rates are too long", where=path, expected=f"{MAX_BYTES} bytes")
        return Rates.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            "Rates do not hold", where=path, found=f"{where}: {first['msg']}"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError("Rates cannot be read", where=path, found=error) from None


def write_rates(rates: Rates, path: Path) -> None:
    """As `read_rates` reads them."""
    text = yaml.safe_dump(rates.model_dump(mode="json"), sort_keys=False, default_flow_style=None)
    path.write_text(text, encoding="utf-8")

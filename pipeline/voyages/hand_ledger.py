"""Deliveries from a table of one's own, counted under its own assumptions, to the barrel.

For what others published: their ships, loads and conversions give their barrels, or do not. A
figure given in tonnes and in barrels is checked against what a barrel of oil can weigh: a newspaper
that prints "a million barrels (56,000 tonnes)" is caught.
"""

from __future__ import annotations

import calendar
import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.errors import UsageError
from pipeline.records import CAP_BBL
from pipeline.rhythm import Declared
from pipeline.voyages.barrels import barrels_at

BBL_PER_T: dict[str, tuple[float, str]] = {
    "diesel": (7.46, "BP Statistical Review 2021"),
    "gasoline": (8.35, "BP Statistical Review 2021"),
    "kerosene": (7.88, "BP Statistical Review 2021"),
    "residual": (6.35, "BP Statistical Review 2021"),
    "mix": (7.9, "52,910 t notified as 418,000 bbl for 2019"),
    "un": (8.33, "1718 Committee practice: 1,410 t = 11,745 bbl, August 2021"),
}
"""Product: (bbl/t, source)."""
PLAUSIBLE_BBL_PER_T = (6.0, 9.0)
"""From heavy fuel oil (6.35) to light gasoline (8.5), and what rounding adds."""
R = TypeVar("R", bound=BaseModel)
MAX_BYTES = 20_000_000
MAX_ROWS = 100_000


def _told(cells: Any) -> Any:
    """A row without its empty cells."""
    if not isinstance(cells, Mapping):
        return cells
    return {k: v for k, v in cells.items() if not isinstance(v, str) or v.strip()}


def _plausible_units(tonnes: float, barrels: float) -> None:
    low, high = PLAUSIBLE_BBL_PER_T
    implied = barrels / tonnes
    if not low <= implied <= high:
        raise ValueError(
            f"{barrels:,.0f} bbl in {tonnes:,.0f} t are {implied:.1f} bbl/t, "
            f"which no oil product is ({low:g} to {high:g}): one of the two is wrong"
        )


class Delivery(BaseModel):
    """One row."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    ship: str = Field("", max_length=200, description="name; empty: unknown")
    dwt_t: float | None = Field(None, gt=0, le=600_000, description="t; deadweight")
    load: float | None = Field(None, gt=0, le=1, description="share of the deadweight carried")
    tonnes: float | None = Field(None, gt=0, description="t; cargo, where it is known")
    barrels: float | None = Field(None, gt=0, description="bbl; cargo, where it is known")
    product: str | None = Field(None, description="what BBL_PER_T names")
    bbl_per_t: float | None = Field(None, description="instead of a product")
    loaded_on: date | None = Field(None, description="day of loading")
    delivered_on: date = Field(description="day it counts")
    deliveries: int = Field(1, ge=1, description="as many alike, or together where totals are told")
    source: str = Field("", description="who says so")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_untold(cls, cells: Any) -> Any:
        return _told(cells)

    @field_validator("product")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value.lower() not in BBL_PER_T:
            raise ValueError(f"unknown product {value!r}: expected one of {', '.join(BBL_PER_T)}")
        return None if value is None else value.lower()

    @field_validator("bbl_per_t")
    @classmethod
    def _plausible(cls, value: float | None) -> float | None:
        low, high = PLAUSIBLE_BBL_PER_T
        if value is not None and not low <= value <= high:
            raise ValueError(f"{value:g} bbl/t is no oil product: expected {low:g} to {high:g}")
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> Delivery:
        if self.loaded_on is not None and self.delivered_on < self.loaded_on:
            raise ValueError(
                f"delivered on {self.delivered_on}, before it was loaded on {self.loaded_on}"
            )
        if self.product is not None and self.bbl_per_t is not None:
            raise ValueError("a product and a conversion: expected one of them")
        if self.tonnes is not None and self.barrels is not None:
            _plausible_units(self.tonnes, self.barrels)
        if self.barrels is None and self.tonnes is None and (self.dwt_t is None or not self.load):
            raise ValueError("expected barrels, or tonnes, or dwt_t and load")
        return self

    @property
    def conversion(self) -> float:
        """bbl/t; diesel's where none is given."""
        if self.bbl_per_t is not None:
            return self.bbl_per_t
        return BBL_PER_T[self.product or "diesel"][0]

    @property
    def counted_bbl(self) -> float:
        """Barrels of the row, under its own assumptions."""
        if self.barrels is not None:
            return self.barrels
        if self.tonnes is not None:
            return self.tonnes * self.conversion
        assert self.dwt_t is not None
        assert self.load is not None
        return self.deliveries * barrels_at(self.dwt_t, self.load, self.conversion)


class Cap(BaseModel):
    """What a calendar year allows."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    year: int = Field(ge=2017, le=2100)
    barrels: float = Field(gt=0)
    source: str = ""


class DeclaredRow(BaseModel):
    """A month as a state declared it."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    month: str = Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$", description="as 2024-03")
    country: str = Field(min_length=1, max_length=100)
    barrels: float | None = Field(None, ge=0)
    tonnes: float | None = Field(None, ge=0)
    source: str = ""

    @model_validator(mode="before")
    @classmethod
    def _empty_is_untold(cls, cells: Any) -> Any:
        return _told(cells)

    @model_validator(mode="after")
    def _makes_sense(self) -> DeclaredRow:
        if self.barrels is None and self.tonnes is None:
            raise ValueError("expected barrels or tonnes")
        if self.barrels and self.tonnes:
            _plausible_units(self.tonnes, self.barrels)
        return self

    @property
    def counted_bbl(self) -> float:
        """As declared, or by the Committee's own conversion."""
        return (
            self.barrels if self.barrels is not None else (self.tonnes or 0.0) * BBL_PER_T["un"][0]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HandLedger:
    """Deliveries of one's own against the cap of each year."""

    deliveries: tuple[Delivery, ...]
    caps: Mapping[int, float]
    """Of years that have one of their own; the others have resolution 2397's."""

    def cap(self, year: int) -> float:
        """Barrels that a year allows."""
        return self.caps.get(year, CAP_BBL)

    def totals(self, key: Callable[[Delivery], Any]) -> dict[Any, tuple[int, float]]:
        """Deliveries and barrels by some key, sorted."""
        sums: dict[Any, tuple[int, float]] = {}
        for one in self.deliveries:
            count, barrels = sums.get(key(one), (0, 0.0))
            sums[key(one)] = count + one.deliveries, barrels + one.counted_bbl
        return dict(sorted(sums.items()))

    def crossed_on(self, year: int) -> str | None:
        """The day the year's cap was passed, ISO 8601; None where it was not."""
        total = 0.0
        for one in sorted(self.deliveries, key=lambda d: d.delivered_on):
            if one.delivered_on.year == year:
                total += one.counted_bbl
                if total > self.cap(year):
                    return one.delivered_on.isoformat()
        return None

    def as_json(self) -> dict[str, Any]:
        """Whole barrels."""
        years = self.totals(lambda d: d.delivered_on.year)
        return {
            "deliveries": sum(count for count, _ in years.values()),
            "barrels": round(sum(barrels for _, barrels in years.values())),
            "years": {
                str(year): {
                    "deliveries": count,
                    "barrels": round(barrels),
                    "cap": round(self.cap(year)),
                    "share_of_cap": round(barrels / self.cap(year), 3),
                    "crossed_on": self.crossed_on(year),
                }
                for year, (count, barrels) in years.items()
            },
            "months": {
                name: round(barrels)
                for name, (_, barrels) in self.totals(lambda d: f"{d.delivered_on:%Y-%m}").items()
            },
            "ships": {
                name: round(barrels)
                for name, (_, barrels) in self.totals(lambda d: d.ship or "unknown").items()
            },
        }

    def rows(self) -> list[tuple[str, str]]:
        """One line a year, month and ship."""
        lines = []
        for year, (count, barrels) in self.totals(lambda d: d.delivered_on.year).items():
            crossed = self.crossed_on(year)
            share = f"{barrels / self.cap(year):.0%} of the cap of {self.cap(year):,.0f}"
            passed = "" if crossed is None else f", passed on {crossed}"
            lines.append((str(year), f"{barrels:,.0f} bbl in {count} deliveries: {share}{passed}"))
        groups = self.totals(lambda d: f"{d.delivered_on:%Y-%m}"), self.totals(lambda d: d.ship)
        for group in groups:
            lines += [
                (name or "unknown ship", f"{barrels:,.0f} bbl in {count}")
                for name, (count, barrels) in group.items()
            ]
        return lines


def read_hand_ledger(path: Path, caps: Path | None = None) -> HandLedger:
    """A ledger from CSV files.

    Args:
        path: deliveries; the columns are the fields of `Delivery`.
        caps: columns year, barrels, source; None: resolution 2397's cap in every year.

    Raises:
        UsageError: a file cannot be read, or a row makes no sense; the row is named.
    """
    deliveries = tuple(row for _, row in _rows(path, Delivery))
    by_year: dict[int, float] = {}
    for line, cap in _rows(caps, Cap) if caps is not None else ():
        if cap.year in by_year:
            raise UsageError(
                f"Two caps for {cap.year}", where=f"{caps}, row {line}",
                expected="one cap a calendar year", do="Delete one of them",
            )  # fmt: skip
        by_year[cap.year] = cap.barrels
    return HandLedger(deliveries=deliveries, caps=by_year)


def read_declared(path: Path) -> list[Declared]:
    """What states declared, by month.

    Args:
        path: CSV; columns month (2024-03), country, barrels or tonnes, source.

    Raises:
        UsageError: the file cannot be read, a row makes no sense, or one country declared a month
            twice; the row is named.
    """
    found: dict[tuple[str, str], Declared] = {}
    for line, row in _rows(path, DeclaredRow):
        key = (row.month, row.country.casefold())
        if key in found:
            raise UsageError(
                f"{row.country} declared {row.month} twice", where=f"{path}, row {line}",
                do="Keep the later figure",
            )  # fmt: skip
        year, month = (int(part) for part in row.month.split("-"))
        found[key] = Declared(
            month_end=date(year, month, calendar.monthrange(year, month)[1]),
            barrels=row.counted_bbl,
            country=row.country,
            source=row.source,
        )
    return sorted(found.values(), key=lambda one: (one.month_end, one.country))


def _rows(path: Path, record: type[R]) -> Iterator[tuple[int, R]]:
    """(line number as an editor shows it, row)."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                "File is too large", where=path, expected=f"{MAX_BYTES:,} bytes at most"
            )
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            for number, cells in enumerate(reader):
                if number >= MAX_ROWS:
                    raise UsageError("Too many rows", where=path, expected=f"{MAX_ROWS:,} at most")
                yield reader.line_num, _row(cells, record, f"{path}, row {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError("Table cannot be read", where=path, found=error) from None


def _row(cells: Mapping[str | None, Any], record: type[R], where: str) -> R:
    if None in cells or None in cells.values():
        raise UsageError("Row has more or fewer cells than the heading", where=where)
    try:
        return record.model_validate(cells)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        column = ".".join(str(step) for step in first["loc"])
        message = str(first["msg"]).removeprefix("Value error, ")
        found = cells.get(column) if column else None
        raise UsageError(
            f"Row makes no sense: {column + ': ' if column else ''}{message}",
            where=where,
            found=found,
            do=f"Columns are {', '.join(record.model_fields)}",
        ) from None

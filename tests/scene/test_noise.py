"""Thermal noise is read from the product's annotation and taken off once."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio.windows import Window
from scipy.interpolate import RegularGridInterpolator

from pipeline.errors import BadInput
from pipeline.scene.noise import thermal_noise

LINES, PIXELS = (-100.0, 60.0, 300.0), (0.0, 100.0, 359.0)
TABLE = np.array([[900.0, 400.0, 1600.0], [800.0, 300.0, 1500.0], [1000.0, 500.0, 1700.0]])


def noise_xml(blocks=(), *, old=False, table=TABLE):
    name, lut = ("noiseVector", "noiseLut") if old else ("noiseRangeVector", "noiseRangeLut")
    pixels = " ".join(f"{p:.0f}" for p in PIXELS)
    vectors = "".join(
        f"<{name}><line>{line:.0f}</line><pixel>{pixels}</pixel>"
        f"<{lut}>{' '.join(str(v) for v in row)}</{lut}></{name}>"
        for line, row in zip(LINES, table, strict=True)
    )
    azimuth = "".join(
        f"<noiseAzimuthVector><firstAzimuthLine>{r0}</firstAzimuthLine>"
        f"<firstRangeSample>{c0}</firstRangeSample><lastAzimuthLine>{r1}</lastAzimuthLine>"
        f"<lastRangeSample>{c1}</lastRangeSample><line>{r0} {r1}</line>"
        f"<noiseAzimuthLut>{first} {last}</noiseAzimuthLut></noiseAzimuthVector>"
        for r0, r1, c0, c1, first, last in blocks
    )
    return f"<noise>{vectors}{azimuth}</noise>"


@pytest.mark.parametrize("old", [False, True])
def test_between_the_vectors_it_is_linear(tmp_path, old):
    path = tmp_path / "noise.xml"
    path.write_text(noise_xml(old=old))

    found = thermal_noise(path, Window(40, 20, 200, 130))

    oracle = RegularGridInterpolator((LINES, PIXELS), TABLE)
    rows, cols = np.mgrid[20:150, 40:240]
    assert found.shape == (130, 200)
    assert np.allclose(found, oracle(np.stack([rows, cols], -1)), rtol=1e-5)


def test_blocks_are_scalloped_and_the_rest_is_not(tmp_path):
    path = tmp_path / "noise.xml"
    path.write_text(noise_xml([(0, 99, 0, 149, 0.5, 1.5), (100, 240, 150, 359, 2.0, 2.0)]))
    plain = tmp_path / "plain.xml"
    plain.write_text(noise_xml())
    window = Window(0, 0, 300, 200)

    ratio = thermal_noise(path, window) / thermal_noise(plain, window)

    assert ratio[0, 10] == pytest.approx(0.5)
    assert ratio[99, 149] == pytest.approx(1.5)
    assert ratio[33, 70] == pytest.approx(0.5 + 33 / 99)
    assert ratio[150, 200] == pytest.approx(2.0)
    assert ratio[50, 200] == pytest.approx(1.0)
    assert ratio[150, 100] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "text",
    [
        "<noise/>",
        noise_xml(table=-TABLE),
        noise_xml().replace("1600.0", "nan"),
        noise_xml().replace("<line>60</line>", "<line/>"),
        noise_xml().replace("900.0 400.0", "900.0"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, text):
    path = tmp_path / "noise-x.xml"
    path.write_text(text)

    with pytest.raises(BadInput, match=r"Noise table is damaged: noise-x\.xml"):
        thermal_noise(path, Window(0, 0, 350, 40))


@pytest.mark.real_data
def test_a_real_table_is_read(reference_data):
    (path,) = (reference_data / "formats/xarray_sentinel/tests/data").glob(
        "*/annotation/calibration/noise-s1b-iw1-slc-vv-*.xml"
    )
    found = thermal_noise(path, Window(3000, 900, 700, 400))

    assert found.shape == (400, 700)
    assert 10 < np.median(found) < 1e5
    assert found.std() > 0

"""The world's land is unpacked once a machine, and never believed where it was changed."""

from __future__ import annotations

import pytest
import shapely

import pipeline.scene.world as module
from pipeline.scene.world import kept_at, world

ISLAND = shapely.Polygon(
    [(130.0, 42.0), (131.5, 42.2), (131.0, 43.0)], [[(130.7, 42.2), (130.9, 42.2), (130.8, 42.4)]]
)
ISLET = shapely.box(-9.5, 38.0, -9.0, 38.25)


@pytest.fixture
def unpacked(monkeypatch, tmp_path):
    """How often the wheel's land was unpacked; the user's cache folder is an empty one."""
    told = []

    class Land:
        @staticmethod
        def wkb(_provider):
            told.append(1)
            return shapely.to_wkb(shapely.MultiPolygon([ISLAND, ISLET]))

    monkeypatch.setattr(module, "Shapes", Land)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    world.cache_clear()
    yield told
    world.cache_clear()


def anew():
    """As the next process sees it."""
    world.cache_clear()
    return world()


def assert_whole(land):
    assert land.polygon(0).equals_exact(ISLAND)
    assert land.polygon(1).equals_exact(ISLET)
    assert land.bounds.tolist() == [list(ISLAND.bounds), list(ISLET.bounds)]


def test_the_next_process_reads_what_the_first_unpacked(unpacked):
    assert_whole(world())
    assert_whole(anew())
    assert len(unpacked) == 1
    assert [path.name for path in kept_at().parent.iterdir()] == [kept_at().name]


@pytest.mark.parametrize("harm", ["byte", "cut", "empty", "longer"])
def test_a_copy_that_was_changed_is_made_again(unpacked, harm):
    world()
    whole = kept_at().read_bytes()
    changed = {
        "byte": whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:],
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "longer": whole + b"0",
    }
    kept_at().write_bytes(changed[harm])
    assert_whole(anew())
    assert len(unpacked) == 2
    assert kept_at().read_bytes() == whole


def test_without_a_folder_to_keep_it_in_it_is_unpacked_each_time(unpacked):
    kept_at().parent.parent.mkdir(parents=True)
    kept_at().parent.write_text("a file in the folder's place")
    assert_whole(world())
    assert_whole(anew())
    assert len(unpacked) == 2

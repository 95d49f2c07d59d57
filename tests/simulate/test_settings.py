"""Wrong settings are refused before anything is made of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from pipeline.simulate.settings import Settings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_day": 3}, "n_day"),
        ({"n_days": 0}, "n_days"),
        ({"receiver_p_heard": 1.2}, "receiver_p_heard"),
        ({"speed_kn": (13.0, 9.0)}, "speed_kn: expected low then high"),
        ({"clear_share": 0.7, "overcast_share": 0.4}, "clear_share . overcast_share"),
        ({"start": datetime(2024, 3, 1)}, "timezone"),  # noqa: DTZ001
        ({"start": datetime(2024, 3, 1, 6, tzinfo=UTC)}, "midnight UTC"),
    ],
    ids=["unknown", "no day", "share", "range", "clouds", "naive", "not midnight"],
)
def test_a_wrong_setting_is_named(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Settings(**wrong)


def test_every_setting_says_what_it_is():
    assert all(field.description for field in Settings.model_fields.values())


def test_settings_do_not_change_under_a_season():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().seed = 1

"""The API holds to its own description, whatever is sent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.decisions import accounts
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.desk.app import create_app

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

NOT_HELD = [positive_data_acceptance]
"""JSON Schema cannot say which reasons belong to which verdict, nor which characters hide text."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_request_that_the_description_allows_or_forbids_breaks_it(make_desk, sqlite_store):
    """Some hundreds of requests made from the API's description, valid ones and broken ones."""
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415

    desk = make_desk(sqlite_store)
    token = accounts.add_token(
        sqlite_store, "ann", "attack", at=datetime.now(UTC), settings=DecisionSettings()
    )
    app = create_app(lambda: desk)
    schema = schemathesis.openapi.from_asgi(
        "/api/openapi.json", app, headers={"host": "127.0.0.1:80"}
    )
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=40, deadline=None, database=None, derandomize=True,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def attack(case) -> None:
            nonlocal tried
            tried += 1
            headers = {"host": "127.0.0.1:80", "authorization": f"Bearer {token}"}
            answer = case.call(headers=headers)
            assert answer.status_code < 500, answer.text
            case.validate_response(answer, excluded_checks=NOT_HELD)

        attack()
    assert tried > 200

"""A desk that stays open for weeks shows what last night's run found."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.desk.desk import CurrentDesk
from pipeline.desk.settings import Settings
from pipeline.errors import UsageError


@pytest.fixture
def results(make_desk, sqlite_store):
    """Results that change, read by desks that are made of them."""
    state = {"stamp": 1, "n_cases": 3, "broken": False, "made": 0}

    def make():
        state["made"] += 1
        if state["broken"]:
            raise UsageError("in the midst of a change")
        return make_desk(sqlite_store, state["n_cases"], settings=Settings(results_check_s=0.0))

    return state, CurrentDesk(make, lambda: state["stamp"])


def n_cases(current):
    return len(current().docket.summaries)


def until(condition):
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_new_run_is_shown_without_a_restart(results):
    state, current = results
    assert n_cases(current) == 3
    state.update(stamp=2, n_cases=5)
    until(lambda: n_cases(current) == 5)
    assert state["made"] == 2


def test_results_in_the_midst_of_a_change_leave_those_of_before(results):
    state, current = results
    state.update(stamp=2, broken=True)
    assert n_cases(current) == 3
    until(lambda: state["made"] == 2)
    assert n_cases(current) == 3
    state.update(stamp=3, broken=False, n_cases=4)
    until(lambda: n_cases(current) == 4)


def test_many_requests_at_once_read_the_results_once(results):
    state, current = results
    state.update(stamp=2, n_cases=6)
    threads = [threading.Thread(target=current) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: n_cases(current) == 6)
    assert state["made"] == 2

"""What a run says: lines that a log collector can read, on the stream that it was given."""

from __future__ import annotations

import io
import json

from pipeline.jobs.progress import LineProgress


def told(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_an_item_and_one_a_stage():
    stream = io.StringIO()
    with LineProgress(stream, as_json=True).stage("detect", 2) as report:
        report.done("S2A_1", {"detections": 3})
        report.failed("S2A_2", "the file is cut short")

    done, failed, ended = told(stream)
    assert (done["event"], done["item"], done["detections"]) == ("item done", "S2A_1", 3)
    assert (failed["level"], failed["message"]) == ("error", "the file is cut short")
    assert (ended["stage"], ended["items"]) == ("detect", 2)
    assert all(line["stage"] == "detect" for line in (done, failed, ended))
    assert all(line["timestamp"].endswith("Z") for line in (done, failed, ended))


def test_two_runs_of_one_process_write_each_to_its_own_stream():
    first, second = io.StringIO(), io.StringIO()
    with LineProgress(first, as_json=True).stage("fetch", 1):
        pass
    first_said = first.getvalue()
    first.close()
    with LineProgress(second, as_json=True).stage("match", 1):
        pass
    assert json.loads(first_said)["stage"] == "fetch"
    assert [line["stage"] for line in told(second)] == ["match"]

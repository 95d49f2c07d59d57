"""What somebody who means harm sends, and what stops it."""

from __future__ import annotations

import hashlib
import json
import socket
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from pipeline.decisions import accounts
from pipeline.decisions.settings import Settings as DecisionSettings
from pipeline.desk.pages import local
from pipeline.desk.serve import origins_of
from pipeline.errors import UsageError

CASE = "case-0000000000000001"
NOTE = {
    "entry_id": "ab" * 16,
    "evidence_key": "evidence-1",
    "body": {"kind": "note", "note": "seen"},
}


def n_entries(desk) -> int:
    desk.docket.refresh()
    return sum(len(desk.docket.standing(f"case-{n:016x}").entries) for n in range(12))


# ------------------------------------------------------------------------------- who sits there


@pytest.mark.parametrize(
    "path",
    [
        "/", "/season", f"/cases/{CASE}", f"/cases/{CASE}/sheet", "/report/report.html",
        f"/cases/{CASE}/pictures/S1_1_4/vv.png", "/tiles/S1_1_4/vv/14/14249/6077.png",
        "/api/cases", f"/api/cases/{CASE}", "/api/journal", "/api/progress", "/api/me",
        "/api/attachments/" + "0" * 64, "/screen/site-1/d-1.png",
    ],
)  # fmt: skip
def test_nothing_is_shown_without_a_login(desk_at, path):
    answer = httpx.get(desk_at[0] + path)
    assert answer.status_code in (303, 401)
    assert "Did a tanker" not in answer.text


def test_a_session_of_somebody_else_is_not_guessed_and_ends_at_log_out(people, desk_at):
    stolen = dict(people["bob"].http.cookies)
    assert people["bob"].post("/logout").status_code == 204
    assert httpx.get(desk_at[0] + "/api/me", cookies=stolen).status_code == 401
    assert httpx.get(desk_at[0] + "/api/me", cookies={"darkcall": "guess"}).status_code == 401


def test_a_session_cannot_be_used_with_anothers_csrf_secret(people):
    bob, cyd = people["bob"], people["cyd"]
    answer = bob.http.post(
        f"/api/cases/{CASE}/entries", json=NOTE, headers={"x-csrf-token": cyd.csrf}
    )
    assert answer.status_code == 403


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(desk_at, make_desk):
    answer = httpx.post(
        desk_at[0] + "/login", data={"name": "bob", "password": "correct horse battery"}
    )
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_another_sites_request_is_refused_even_with_the_cookie(people, desk_at, origin):
    answer = people["bob"].post(f"/api/cases/{CASE}/entries", json=NOTE, headers={"origin": origin})
    assert answer.status_code == 403
    assert n_entries(desk_at[1]) == 0


def test_a_request_that_a_browser_says_is_cross_site_is_refused(people):
    answer = people["bob"].post(
        f"/api/cases/{CASE}/entries", json=NOTE, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403


def test_a_foreign_host_name_is_refused(desk_at):
    """DNS rebinding: a name of the attacker's that leads to loopback."""
    answer = httpx.get(desk_at[0] + "/login", headers={"host": "evil.example"})
    assert answer.status_code == 400


def test_viewers_decide_nothing(people, desk_at):
    assert people["vic"].post(f"/api/cases/{CASE}/entries", json=NOTE).status_code == 403
    attached = people["vic"].post(
        f"/api/cases/{CASE}/attachments",
        params={"name": "a", "source": "b", "evidence_key": "evidence-1", "entry_id": "ab" * 16},
        content=b"x",
    )
    assert attached.status_code == 403
    assert n_entries(desk_at[1]) == 0


def test_the_whole_journal_is_for_leads_as_it_lifts_the_blind(people):
    assert people["bob"].get("/api/journal").status_code == 403
    assert people["ann"].get("/api/journal").json() == []


def test_a_token_acts_for_its_account_and_no_longer_than_it_holds(desk_at):
    base, desk = desk_at
    now = datetime.now(UTC)
    secret = accounts.add_token(desk.store, "bob", "ci", at=now, settings=DecisionSettings())
    headers = {"authorization": f"Bearer {secret}"}
    assert httpx.get(base + "/api/me", headers=headers).json()["name"] == "bob"
    written = httpx.post(base + f"/api/cases/{CASE}/entries", json=NOTE, headers=headers)
    assert written.status_code == 201
    old = accounts.add_token(
        desk.store, "bob", "old", at=now - timedelta(days=91), settings=DecisionSettings()
    )
    for wrong in (old, "guess"):
        answer = httpx.get(base + "/api/me", headers={"authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401


def test_ten_thousand_guesses_meet_a_closed_door(desk_at):
    """After five wrong ones of a name no password is looked at, right or wrong."""
    with httpx.Client(base_url=desk_at[0]) as http:
        codes = [
            http.post("/login", data={"name": "bob", "password": f"guess {n}"}).status_code
            for n in range(60)
        ]
        right = http.post("/login", data={"name": "bob", "password": "correct horse battery"})
    assert codes[:5] == [401] * 5
    assert set(codes[5:]) == {429}
    assert right.status_code == 429


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_a_login_leads_to_this_desk_and_nowhere_else(to):
    assert local(to) == "/"
    assert local("/cases/case-1?site=a") == "/cases/case-1?site=a"


def test_the_desk_is_published_through_tls_alone():
    assert origins_of(8080, "https://desk.example/") == ("https://desk.example",)
    assert origins_of(8080, "https://desk.example:443") == ("https://desk.example",)
    assert "http://127.0.0.1" in origins_of(80, None)  # as browsers send it
    for wrong in ("http://desk.example", "https://desk.example/path", "desk.example"):
        with pytest.raises(UsageError):
            origins_of(8080, wrong)


# ------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    "path",
    [
        "/tiles/..%2f..%2fetc/vv/14/0/0.png",
        "/tiles/S1_1_4/..%2fvv/14/0/0.png",
        "/tiles/S1_1_4/vv/99/0/0.png",
        "/tiles/S1_1_4/vv/3/8/0.png",
        "/tiles/S1_1_4/vv/3/-1/0.png",
        "/tiles/unknown/vv/3/0/0.png",
        f"/cases/{CASE}/pictures/..%2f..%2fS1_1_4/vv.png",
        f"/cases/{CASE}/pictures/S1_2_4/vv.png",
        f"/cases/{CASE}/pictures/S1_1_4/colour.png",
        "/screen/..%2f..%2f..%2fetc%2fpasswd",
        "/screen/../decisions.db",
        "/detect/..%2fdecisions.db",
        "/screen/site/..%2f..%2fdecisions.db.png",
        "/report/..%2fcases.parquet",
        "/report/cases.parquet",
        "/static/..%2f..%2fapp.py",
        "/api/attachments/..%2f..%2fdecisions.db",
        "/api/attachments/" + "g" * 64,
        "/cases/..%2f..%2fetc",
    ],
)
def test_no_path_leads_out(people, path):
    answer = people["bob"].get(path)
    assert answer.status_code in (404, 422), answer.text[:200]


def test_a_link_in_the_chips_folder_leads_nowhere(people, desk_at, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    (tmp_path / "screen").mkdir()
    (tmp_path / "screen" / "leak.png").symlink_to(secret)
    (tmp_path / "screen" / "own.png").write_bytes(b"own")
    assert people["bob"].get("/screen/leak.png").status_code == 404
    assert people["bob"].get("/screen/own.png").content == b"own"


# ------------------------------------------------------------------------------ what is written


def test_names_and_notes_are_text_and_never_markup(people):
    people["bob"].write(1, {"kind": "note", "note": "<img src=x onerror=alert(1)>"})
    for path in (f"/cases/{CASE}", f"/cases/{CASE}/sheet", "/", "/season"):
        page = people["bob"].get(path).text
        assert "<script>alert(1)" not in page, path
        assert "<img src=x" not in page, path
    page = people["bob"].get(f"/cases/{CASE}").text
    assert "&lt;img src=x" in page
    assert "&lt;script&gt;" in page


def test_every_answer_forbids_scripts_of_others(people):
    for path in ("/", f"/cases/{CASE}", "/api/cases", "/nowhere", "/report/report.html"):
        headers = people["bob"].get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe-eval" not in policy
        assert "script-src 'unsafe-inline'" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_hidden_characters_are_refused(people):
    answer = people["bob"].write(1, {"kind": "note", "note": "left\u202eright"})
    assert answer.status_code == 422
    assert "U+202E" in answer.json()["error"]


@pytest.mark.parametrize("text", ["' OR 1=1 --", "'; DROP TABLE journal; --", "%", "\\"])
def test_sql_in_filters_and_notes_is_text(people, desk_at, text):
    assert people["bob"].get("/api/cases", params={"ship": text}).json() == []
    assert people["bob"].get("/api/cases", params={"site": text}).json() == []
    assert people["bob"].write(1, {"kind": "note", "note": f"x{text}"}).status_code == 201
    assert n_entries(desk_at[1]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "verdict", "verdict": "guilty"},
        {"kind": "verdict", "verdict": "confirmed", "reasons": ["cloud"]},
        {"kind": "verdict", "verdict": "confirmed", "said": {"tier": "A"}},
        {"kind": "verdict", "verdict": "confirmed", "mmsi": 12},
        {"kind": "withdrawn", "of_seq": 1},
        {"kind": "length", "scene_id": "S1_2_4", "bow": [133.0, 42.0], "stern": [133.0, 42.1]},
        {"kind": "length", "scene_id": "S1_1_4", "bow": [133.0, 42.0], "stern": [140.0, 42.1]},
        {"kind": "length", "scene_id": "S1_1_4", "bow": [733.0, 42.0], "stern": [133.0, 42.1]},
        {"kind": "hull moved", "detection_id": "d-9-9", "lon": 133.0, "lat": 42.0},
        {"kind": "attached", "sha256": "0" * 64, "name": "x", "n_bytes": 1, "source": "y"},
        {"kind": "note", "note": ""},
        {"kind": "note", "note": "x" * 4001},
    ],
)
def test_what_does_not_fit_the_case_is_refused_and_nothing_written(people, desk_at, body):
    answer = people["bob"].write(1, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]
    assert n_entries(desk_at[1]) == 0


def test_nobody_withdraws_anothers_word(people):
    seq = people["bob"].verdict(1).json()["entry"]["seq"]
    assert people["cyd"].write(1, {"kind": "withdrawn", "of_seq": seq}).status_code == 422
    assert people["bob"].write(1, {"kind": "withdrawn", "of_seq": seq}).status_code == 201
    assert people["bob"].write(1, {"kind": "withdrawn", "of_seq": seq}).status_code == 422


def test_the_same_entry_sent_twice_is_written_once_and_another_under_its_id_refused(people):
    bob = people["bob"]
    first = bob.post(f"/api/cases/{CASE}/entries", json=NOTE)
    again = bob.post(f"/api/cases/{CASE}/entries", json=NOTE)
    assert first.json()["entry"] == again.json()["entry"]
    other = {**NOTE, "body": {"kind": "note", "note": "something else"}}
    assert bob.post(f"/api/cases/{CASE}/entries", json=other).status_code == 422


def test_what_the_machine_said_is_kept_beside_the_verdict_and_not_the_senders_to_say(people):
    body = people["bob"].verdict(1).json()["entry"]["body"]
    assert body["said"]["tier"] == "C"
    assert body["said"]["p_dark"] == 0.9


# -------------------------------------------------------------------------------------- sizes


def test_a_vast_body_is_refused_before_it_is_read(people):
    answer = people["bob"].post(
        f"/api/cases/{CASE}/entries", content=b" " * 70_000, headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 413


def attach(caller, content, number=1, **said):
    query = {
        "entry_id": said.pop("entry_id", "cd" * 16), "evidence_key": f"evidence-{number}",
        "name": "planet.png", "source": "Planet, 3 m", **said,
    }  # fmt: skip
    return caller.post(
        f"/api/cases/case-{number:016x}/attachments", params=query, content=content,
        headers={"content-type": "image/png"},
    )  # fmt: skip


def test_an_attachment_is_kept_under_its_hash_and_given_back_to_be_saved(people, desk_at):
    content = b"<html><script>alert(1)</script>" * 100
    answer = attach(people["bob"], content, shows_ship="true", taken_on="2024-05-07")
    assert answer.status_code == 201, answer.text
    body = answer.json()["entry"]["body"]
    assert body["sha256"] == hashlib.sha256(content).hexdigest()
    assert (body["n_bytes"], body["shows_ship"], body["taken_on"]) == (3100, True, "2024-05-07")
    given = people["vic"].get(f"/api/attachments/{body['sha256']}")
    assert given.content == content
    assert given.headers["content-disposition"].startswith("attachment")
    assert given.headers["content-type"] == "application/octet-stream"
    assert "sandbox" in given.headers["content-security-policy"]


@pytest.mark.timeout(60)
def test_two_gigabytes_are_refused_at_once_and_an_endless_one_when_it_is_too_long(people, desk_at):
    head = (
        f"POST /api/cases/{CASE}/attachments?entry_id={'ef' * 16}&evidence_key=evidence-1&name=x"
        f"&source=y HTTP/1.1\r\nHost: {desk_at[0].removeprefix('http://')}\r\n"
        f"Cookie: darkcall={people['bob'].http.cookies['darkcall']}\r\n"
        f"X-CSRF-Token: {people['bob'].csrf}\r\nContent-Length: {2 * 1024**3}\r\n\r\n"
    )
    address = ("127.0.0.1", int(desk_at[0].rsplit(":", 1)[1]))
    with socket.create_connection(address, timeout=10.0) as line:
        line.sendall(head.encode())
        assert b" 413 " in line.recv(1_000).split(b"\r\n")[0]

    def endless():
        while True:
            yield b"\0" * 65_536

    try:
        answer = attach(people["bob"], endless())
        assert answer.status_code == 413
    except httpx.HTTPError:
        pass  # the server had hung up while we were still sending
    folder = desk_at[1].attachments
    assert not folder.exists() or list(folder.iterdir()) == []
    assert n_entries(desk_at[1]) == 0


def test_an_empty_attachment_is_refused(people):
    assert attach(people["bob"], b"").status_code == 422


def test_broken_json_and_unknown_methods_are_answered_in_one_sentence(people):
    for answer in (
        people["bob"].post(
            f"/api/cases/{CASE}/entries", content=b"{", headers={"content-type": "application/json"}
        ),
        people["bob"].http.put("/api/cases"),
    ):
        assert answer.status_code in (405, 422)
        assert list(json.loads(answer.text)) == ["error"]

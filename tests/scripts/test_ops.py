"""Units, crontab, log rotation and their installer, below a folder that stands for a machine."""

from __future__ import annotations

import getpass
import grp
import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline import errors
from pipeline.cli import app
from pipeline.config import load_config

ROOT = Path(__file__).parents[2]
OPS = ROOT / "scripts" / "ops"
INSTALL = OPS / "install.py"
UNITS = ("darkcall.service", "darkcall.timer", "darkcall-desk.service")
SYSTEMD = "etc/systemd/system"


def install(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, INSTALL, "--root", root, *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def tree(root: Path) -> dict[str, tuple[bytes, int, int]]:
    """Every file's content, mode and time of change."""
    return {
        str(path.relative_to(root)): (
            path.read_bytes(), stat.S_IMODE(path.stat().st_mode), path.stat().st_mtime_ns,
        )
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }  # fmt: skip


@pytest.fixture
def machine(tmp_path):
    root = tmp_path / "machine"
    root.mkdir()
    return root


# ------------------------------------------------------------------------------ the installer


@pytest.mark.parametrize("how", ["systemd", "cron"])
def test_it_does_nothing_unless_told_and_nothing_the_second_time(machine, how):
    planned = install(machine, "--with", how)
    assert planned.returncode == 0
    assert "Nothing was done yet" in planned.stdout
    assert list(machine.iterdir()) == []
    done = install(machine, "--with", how, "--yes")
    assert done.returncode == 0, done.stderr
    # what was planned is what was done
    assert done.stdout.splitlines() == planned.stdout.splitlines()[: len(done.stdout.splitlines())]
    before = tree(machine)
    again = install(machine, "--with", how, "--yes")
    assert again.stdout == "Nothing to do\n"
    assert tree(machine) == before


def test_what_is_installed_runs_this_folders_program(machine):
    install(machine, "--with", "systemd", "--yes")
    unit = (machine / SYSTEMD / "darkcall.service").read_text()
    assert f"ExecStart={ROOT}/.venv/bin/darkcall night" in unit
    assert "/srv/darkcall" not in unit


def test_secrets_are_for_their_reader_alone_even_once_they_are_filled_in(machine):
    install(machine, "--yes")
    secrets = machine / "etc/darkcall/darkcall.env"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    secrets.write_text("DARKCALL_SH_CLIENT_ID=abc\n")
    secrets.chmod(0o644)
    install(machine, "--yes")
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert secrets.read_text() == "DARKCALL_SH_CLIENT_ID=abc\n"
    assert install(machine, "--yes").stdout == "Nothing to do\n"


def test_a_file_that_somebody_changed_stays_and_the_newer_one_lies_beside_it(machine, tmp_path):
    install(machine, "--program", "/srv/one", "--yes")
    unit, timer = (machine / SYSTEMD / name for name in ("darkcall.service", "darkcall.timer"))
    unit.write_text(unit.read_text() + "# mine\n")
    mine = unit.read_text()
    # the same release again: what is mine is mine, and there is nothing newer to offer
    assert install(machine, "--program", "/srv/one", "--yes").stdout == "Nothing to do\n"
    moved = install(machine, "--program", "/srv/two", "--yes")
    assert "darkcall.service was changed and stays" in moved.stdout
    assert unit.read_text() == mine
    assert "/srv/two" in unit.with_name("darkcall.service.new").read_text()
    # what nobody had changed is brought up to date
    assert "/srv/two" in timer.read_text()
    assert install(machine, "--program", "/srv/two", "--yes").stdout == "Nothing to do\n"


def test_a_configuration_that_was_there_before_is_not_touched(machine):
    own = machine / "etc/darkcall/darkcall.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("name: ours\n")
    assert install(machine, "--yes").returncode == 0
    assert own.read_text() == "name: ours\n"
    assert "name: watch" in own.with_name("darkcall.yaml.new").read_text()


def test_a_link_in_place_of_a_file_is_not_written_through(machine, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("outside\n")
    place = machine / SYSTEMD / "darkcall.service"
    place.parent.mkdir(parents=True)
    place.symlink_to(outside)
    assert install(machine, "--yes").returncode == 0
    assert outside.read_text() == "outside\n"
    assert place.is_symlink()


@pytest.mark.parametrize("how", ["systemd", "cron"])
def test_uninstalling_leaves_data_configuration_secrets_and_what_was_changed(machine, how):
    install(machine, "--with", how, "--yes")
    data = machine / "var/lib/darkcall/workspace/decisions.db"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"what people decided")
    changed = machine / {
        "systemd": f"{SYSTEMD}/darkcall.timer", "cron": "etc/logrotate.d/darkcall",
    }[how]  # fmt: skip
    changed.write_text("# mine\n")
    assert "Nothing was done yet" in install(machine, "--uninstall").stdout
    gone = install(machine, "--uninstall", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert "it was changed; remove it by hand" in gone.stdout
    assert set(tree(machine)) == {
        "etc/darkcall/darkcall.env",
        "etc/darkcall/darkcall.yaml",
        "var/lib/darkcall/workspace/decisions.db",
        str(changed.relative_to(machine)),
    }
    assert install(machine, "--uninstall", "--yes").stdout == "Nothing to do\n"


def test_cron_instead_of_systemd_takes_the_units_away(machine):
    install(machine, "--with", "systemd", "--yes")
    install(machine, "--with", "cron", "--yes")
    assert not list((machine / SYSTEMD).iterdir())
    assert (machine / "etc/cron.d/darkcall").exists()


def test_a_forged_note_of_what_was_installed_removes_nothing(machine):
    install(machine, "--yes")
    victim = machine / "etc/passwd"
    victim.write_text("root\n")
    note = machine / "etc/darkcall/installed.json"
    sha256 = "53175bcc0524f37b47062fafdda28e3f8eb91d519ca0a184ca71bbebe72f969a"
    note.write_text(json.dumps({"/etc/passwd": sha256, "/etc/cron.d/../passwd": sha256}))
    refused = install(machine, "--uninstall", "--yes")
    assert refused.returncode == 2
    assert "cannot be believed" in refused.stderr
    assert victim.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--program", "/srv/dark call"),
        ("--program", "/srv/dark%call"),
        ("--program", "srv/darkcall"),
        ("--config", "/etc/x;reboot"),
        ("--config", "/etc/darkcall/../../x"),
    ],
)
def test_a_path_that_a_unit_or_a_shell_would_take_otherwise_is_refused(machine, words):
    refused = install(machine, *words, "--yes")
    assert refused.returncode == 2
    assert list(machine.iterdir()) == []


# ----------------------------------------------------------------------------------- systemd


def settings(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (OPS / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def verify(machine: Path, *names: str) -> str:
    """What systemd itself says of installed units, and of nothing else on the machine."""
    program = machine / "srv/darkcall/.venv/bin/darkcall"
    if not program.exists():
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        stock = machine / "usr/lib/systemd/system"
        stock.mkdir(parents=True)
        for target in Path("/lib/systemd/system").glob("*.target"):
            if target.is_file() and not target.is_symlink():
                shutil.copy(target, stock)
    told = subprocess.run(
        ["systemd-analyze", "verify", f"--root={machine}", *names],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return f"{told.returncode} {told.stderr}".strip()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
def test_systemd_takes_the_units_without_a_word(machine):
    install(machine, "--program", "/srv/darkcall", "--yes")
    for name in UNITS:
        assert verify(machine, name) == "0", name
    unit = machine / SYSTEMD / "darkcall.service"
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=strct"))
    assert "protect system" in verify(machine, "darkcall.service")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")
@pytest.mark.parametrize("name", ["darkcall.service", "darkcall-desk.service"])
def test_systemd_finds_the_services_little_exposed(machine, name):
    install(machine, "--program", "/srv/darkcall", "--yes")
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--root={machine}", name,
         "--no-pager"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert level is not None, told
    assert float(level.group(1)) <= 2.5


def test_the_night_is_tried_again_for_75_and_for_nothing_a_person_must_mend():
    night = settings("darkcall.service")
    assert night["Restart"] == ["on-failure"]
    kept = {int(code) for code in night["RestartPreventExitStatus"][0].split()}
    codes = {
        value
        for name, value in vars(errors).items()
        if name.startswith("EXIT_")
        and value not in (errors.EXIT_DONE, errors.EXIT_INTERRUPTED)  # nobody interrupts a timer
    }
    assert codes - kept == {errors.EXIT_TRY_LATER}
    assert settings("darkcall.timer")["Persistent"] == ["true"]


# -------------------------------------------------------------------------------------- cron


def cron_lines() -> list[str]:
    lines = (OPS / "darkcall.crontab").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_crontab_has_one_night_a_day_as_the_user_and_no_sign_that_cron_eats():
    jobs = [line for line in cron_lines() if not re.match(r"[A-Z]+=", line)]
    assert len(jobs) == 1
    minute, hour, day, month, weekday, user, command = jobs[0].split(None, 6)
    assert 0 <= int(minute) < 60
    assert 0 <= int(hour) < 24
    assert (day, month, weekday, user) == ("*", "*", "*", "darkcall")
    assert "%" not in command
    assert (OPS / "darkcall.crontab").read_text().endswith("\n")
    checked = subprocess.run(["sh", "-n", "-c", command], capture_output=True, check=False)
    assert checked.returncode == 0


@pytest.mark.skipif(not shutil.which("crontab"), reason="no cron here")
def test_cron_takes_the_crontab(tmp_path):
    """`crontab -n` knows no column for the user."""
    path = tmp_path / "crontab"
    text = "\n".join(cron_lines()).replace(" darkcall set -a", " set -a") + "\n"
    path.write_text(text)
    assert subprocess.run(["crontab", "-n", path], capture_output=True, check=False).returncode == 0
    path.write_text(text.replace("30 2 *", "30 25 *"))
    assert subprocess.run(["crontab", "-n", path], capture_output=True, check=False).returncode != 0


def test_the_line_of_the_crontab_runs_with_the_secrets_and_keeps_what_is_said(machine):
    """The line itself, with the paths of a machine in a folder, by a shell."""
    install(machine, "--with", "cron", "--program", "/srv/darkcall", "--yes")
    (machine / "etc/darkcall/darkcall.env").write_text("DARKCALL_SH_CLIENT_ID=abc\n")
    program = machine / "srv/darkcall/.venv/bin/darkcall"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$DARKCALL_SH_CLIENT_ID $* in $PWD"\nexit 75\n')
    program.chmod(0o755)
    line = (machine / "etc/cron.d/darkcall").read_text().splitlines()[-1].split(None, 6)[6]
    line = re.sub(r"(?<![\w.])/(?=etc|var|srv)", f"{machine}/", line)
    ran = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (75, "", "")
    log = (machine / "var/log/darkcall/night.log").read_text()
    assert log == (
        f"abc night --config {machine}/etc/darkcall/darkcall.yaml in {machine}/var/lib/darkcall\n"
    )


# --------------------------------------------------------------------------------- logrotate


@pytest.mark.skipif(not shutil.which("logrotate"), reason="no logrotate here")
def test_logrotate_turns_the_log_over_and_keeps_its_mode(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir(mode=0o750)
    (logs / "night.log").write_text("a night\n")
    group = grp.getgrgid(os.getgid()).gr_name
    text = (OPS / "darkcall.logrotate").read_text()
    text = text.replace("/var/log/darkcall", str(logs))
    text = text.replace("darkcall darkcall", f"{getpass.getuser()} {group}")
    rules = tmp_path / "rules"
    rules.write_text(text)
    rules.chmod(0o644)
    told = subprocess.run(
        ["logrotate", "--force", "--state", tmp_path / "state", rules],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert (logs / "night.log.1").read_text() == "a night\n"
    assert stat.S_IMODE((logs / "night.log").stat().st_mode) == 0o640


# ------------------------------------------------------------------------- what it all calls


def test_the_configuration_it_installs_is_one(machine, tmp_path):
    install(machine, "--yes")
    config = load_config(machine / "etc/darkcall/darkcall.yaml")
    assert config.workspace == Path("/var/lib/darkcall/workspace")
    assert config.sites.is_file()
    assert yaml.safe_load((OPS / "darkcall.yaml").read_text())["name"] == config.name


def command_lines() -> list[list[str]]:
    """Each `darkcall …` that units and crontab call."""
    night = cron_lines()[-1].split(".venv/bin/", 1)[1].split(" >>")[0]
    units = [settings(name)["ExecStart"][0] for name in UNITS if name.endswith(".service")]
    return [shlex.split(line)[1:] for line in (*units, night)]


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_the_commands_that_are_called_are_there_and_take_their_options(words):
    names = {command.name for command in app.registered_commands}
    if words[0] not in names:
        pytest.skip(f"darkcall {words[0]} is not in this version")
    shown = CliRunner().invoke(app, [words[0], "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    for option in (word for word in words if word.startswith("--")):
        assert option in shown.stdout

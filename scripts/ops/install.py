"""Install what runs Darkcall each night on this machine: systemd units, or a crontab.

Says what it would do; does it with --yes. A second run finds nothing to do. A file that somebody
has changed is never overwritten: a newer one is written beside it, with .new at its end.
--uninstall takes away what was installed and is as it was; configuration, secrets and data stay.

Ends with 0: done, or nothing to do; 2: it cannot be done as asked, and why.

Example: sudo python3 scripts/ops/install.py --with systemd --create-user --yes
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parents[1]
USER = "darkcall"
SHIPPED_PROGRAM = "/srv/darkcall"
CONFIG = Path("/etc/darkcall/darkcall.yaml")
MANIFEST = Path("/etc/darkcall/installed.json")
MAX_MANIFEST_BYTES = 100_000
PLAIN = re.compile(r"/[A-Za-z0-9/._+-]*")
"""What systemd, cron and a shell all take as it stands."""
UNITS = ("darkcall.service", "darkcall.timer", "darkcall-desk.service")
SECRET = 0o600
DONE, REFUSED = 0, 2


class Refused(Exception):
    """It cannot be done as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    how: str
    """systemd or cron."""
    root: Path
    program: Path
    config: Path
    create_user: bool
    user_is_there: bool

    @property
    def is_this_machine(self) -> bool:
        """Not a folder that stands for one."""
        return self.root == Path("/")

    def at(self, path: Path) -> Path:
        """Where a path of the machine lies below the root."""
        return self.root / path.relative_to("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What is to stand at a path."""

    path: Path
    content: bytes
    mode: int = 0o644
    owner: str = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, in words and as a function."""

    words: str
    do: Callable[[], object]


# ------------------------------------------------------------------------- what is to be there


def wanted_files(asked: Asked) -> list[File]:
    """Every file of this kind of installation."""
    etc = CONFIG.parent
    files = [
        File(path=etc / "darkcall.env", content=_shipped("darkcall.env", asked),
             mode=SECRET, owner=USER),
    ]  # fmt: skip
    if asked.config == CONFIG:
        files.append(File(path=CONFIG, content=_shipped("darkcall.yaml", asked)))
    if asked.how == "cron":
        places = {
            "darkcall.crontab": Path("/etc/cron.d/darkcall"),
            "darkcall.logrotate": Path("/etc/logrotate.d/darkcall"),
        }
    else:
        places = {name: Path("/etc/systemd/system") / name for name in UNITS}
    files += [File(path=path, content=_shipped(name, asked)) for name, path in places.items()]
    return files


def wanted_folders(asked: Asked) -> dict[Path, tuple[int, str]]:
    """Folders with their mode and owner."""
    folders = {
        CONFIG.parent: (0o755, "root"),
        Path("/var/lib/darkcall"): (0o750, USER),
        Path("/var/lib/darkcall/inputs"): (0o750, USER),
        Path("/var/lib/darkcall/inputs/scenes"): (0o750, USER),
        Path("/var/lib/darkcall/inputs/ais"): (0o750, USER),
    }
    if asked.how == "cron":
        folders[Path("/var/log/darkcall")] = (0o750, USER)
    return folders


def _shipped(name: str, asked: Asked) -> bytes:
    text = (HERE / name).read_text(encoding="utf-8")
    text = text.replace(SHIPPED_PROGRAM, str(asked.program)).replace(str(CONFIG), str(asked.config))
    return text.encode()


# ------------------------------------------------------------------------------------- steps


def install_steps(asked: Asked) -> Iterator[Step]:
    """What is left to do until everything stands as wanted."""
    recorded = read_manifest(asked)
    if asked.create_user and not asked.user_is_there:
        yield _command(
            "useradd", "--system", "--user-group", "--home-dir", "/var/lib/darkcall",
            "--no-create-home", "--shell", "/usr/sbin/nologin", USER,
        )  # fmt: skip
    for path, (mode, owner) in wanted_folders(asked).items():
        if not asked.at(path).is_dir():
            yield Step(
                words=f"make the folder {path}, {mode:04o}, of {_whose(asked, owner)}",
                do=lambda path=path, mode=mode, owner=owner: _make(asked, path, mode, owner),
            )
    files = wanted_files(asked)
    n_units = 0
    for file in files:
        step = _file_step(asked, file, recorded.get(str(file.path)))
        if step is not None:
            n_units += file.path.name in UNITS
            yield step
    now = {str(file.path): _sha256(file.content) for file in files}
    for path in sorted(set(recorded) - set(now)):
        yield from _removal(asked, Path(path), recorded[path])
    if recorded != now:
        yield Step(words=f"note it in {MANIFEST}", do=lambda: _write_manifest(asked, now))
    if n_units and _systemd_runs(asked):
        yield _command("systemctl", "daemon-reload")
        yield _command("systemctl", "enable", "--now", "darkcall.timer")


def uninstall_steps(asked: Asked) -> Iterator[Step]:
    """Take away what was installed and is as it was; the rest stays, and is said to."""
    recorded = read_manifest(asked)
    has_units = any(Path(path).name in UNITS for path in recorded)
    if has_units and _systemd_runs(asked):
        yield _command("systemctl", "disable", "--now", "darkcall.timer", "darkcall-desk.service")
    for path, sha256 in sorted(recorded.items()):
        yield from _removal(asked, Path(path), sha256)
    if asked.at(MANIFEST).exists():
        yield Step(words=f"remove {MANIFEST}", do=lambda: asked.at(MANIFEST).unlink())
    if has_units and _systemd_runs(asked):
        yield _command("systemctl", "daemon-reload")


def _file_step(asked: Asked, file: File, recorded: str | None) -> Step | None:
    """What to do about one file; None: it stands as it should, or is somebody's own."""
    place = asked.at(file.path)
    wanted = _sha256(file.content)
    if not place.exists() and not place.is_symlink():
        words = f"write {file.path}, {file.mode:04o}, of {_whose(asked, file.owner)}"
        return Step(words=words, do=lambda: _write(asked, file, place))
    found = _found(place)
    is_open = stat.S_IMODE(place.lstat().st_mode) != file.mode
    if found is not None and is_open and (found == wanted or file.mode == SECRET):
        words = f"give {file.path} the mode {file.mode:04o}"
        return Step(words=words, do=lambda: place.chmod(file.mode))
    if found == wanted:
        return None
    if found is not None and found == recorded:
        return Step(words=f"bring {file.path} up to date", do=lambda: _write(asked, file, place))
    beside = place.with_name(f"{place.name}.new")
    if wanted == recorded or _found(beside) == wanted:
        return None
    words = f"{file.path} was changed and stays; write the newer one to {file.path}.new"
    return Step(words=words, do=lambda: _write(asked, file, beside))


def _removal(asked: Asked, path: Path, sha256: str) -> Iterator[Step]:
    place = asked.at(path)
    if path.parent == CONFIG.parent:
        return  # configuration and secrets are the user's
    if _found(place) == sha256:
        yield Step(words=f"remove {path}", do=place.unlink)
    elif place.exists():
        yield Step(words=f"leave {path}: it was changed; remove it by hand", do=lambda: None)


def _command(*words: str) -> Step:
    return Step(words=f"run: {' '.join(words)}", do=lambda: _run(words))


def _run(words: tuple[str, ...]) -> None:
    ended = subprocess.run(words, check=False)  # noqa: S603  words of this file alone
    if ended.returncode:
        raise Refused(f"`{' '.join(words)}` ended with {ended.returncode}")


# ------------------------------------------------------------------------------- on the disk


def read_manifest(asked: Asked) -> dict[str, str]:
    """What the last installation wrote: path and SHA-256.

    Raises:
        Refused: it is none, or names a file that no installation writes.
    """
    place = asked.at(MANIFEST)
    if not place.exists():
        return {}
    try:
        if place.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError("too large")
        noted = json.loads(place.read_text(encoding="utf-8"))
        if not all(_could_be_ours(path) and isinstance(noted[path], str) for path in noted):
            raise ValueError("it names files that are not Darkcall's")
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"{place} cannot be believed ({error}); look at it, or remove it") from None
    return dict(noted)


def _could_be_ours(path: str) -> bool:
    name, folder = Path(path).name, str(Path(path).parent)
    folders = ("/etc/darkcall", "/etc/cron.d", "/etc/logrotate.d", "/etc/systemd/system")
    return folder in folders and name.startswith(USER)


def _write_manifest(asked: Asked, noted: Mapping[str, str]) -> None:
    content = json.dumps(noted, indent=1, sort_keys=True).encode() + b"\n"
    _write(asked, File(path=MANIFEST, content=content), asked.at(MANIFEST))


def _write(asked: Asked, file: File, place: Path) -> None:
    """Under another name, with its mode from the first byte on; then renamed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.part")
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, 0o600), "wb") as stream:
        stream.write(file.content)
        os.fchmod(stream.fileno(), file.mode)
        stream.flush()
        os.fsync(stream.fileno())
    _give(asked, part, file.owner)
    part.replace(place)


def _make(asked: Asked, path: Path, mode: int, owner: str) -> None:
    place = asked.at(path)
    place.mkdir(parents=True)
    place.chmod(mode)
    _give(asked, place, owner)


def _give(asked: Asked, place: Path, owner: str) -> None:
    if asked.is_this_machine and owner != "root":
        shutil.chown(place, owner, owner)


def _found(place: Path) -> str | None:
    """SHA-256 of a plain file; None of anything else."""
    if place.is_symlink() or not place.is_file():
        return None
    return _sha256(place.read_bytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _whose(asked: Asked, owner: str) -> str:
    return owner if asked.is_this_machine else "whoever installs"


def _systemd_runs(asked: Asked) -> bool:
    return asked.is_this_machine and Path("/run/systemd/system").is_dir()


# -------------------------------------------------------------------------------- the command


def check(asked: Asked) -> None:
    """Can it be done as asked?

    Raises:
        Refused: it cannot, and what to do.
    """
    for path in (asked.program, asked.config):
        if not PLAIN.fullmatch(str(path)) or ".." in path.parts:
            raise Refused(f"{path}: an absolute path of letters, digits, / . _ + - is needed")
    if not asked.is_this_machine:
        return
    if os.geteuid() != 0:
        raise Refused("only root can install on this machine; --root DIR installs below a folder")
    if not asked.user_is_there and not asked.create_user:
        raise Refused(f"there is no user {USER}: add --create-user, or make one by hand")
    if not (asked.program / ".venv" / "bin" / "darkcall").exists():
        raise Refused(f"{asked.program} has no .venv/bin/darkcall: run `make install` there first")
    for folder in (asked.program, *asked.program.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            raise Refused(f"{folder} lets no other user in: {USER} could not run what lies there")


def parse() -> tuple[Asked, argparse.Namespace]:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--with", dest="how", choices=("systemd", "cron"), default="systemd")
    parser.add_argument("--root", type=Path, default=Path("/"), help="install below this folder")
    parser.add_argument("--program", type=Path, default=PROGRAM, help="folder of Darkcall")
    parser.add_argument("--config", type=Path, default=CONFIG, help="what is watched")
    parser.add_argument("--create-user", action="store_true", help=f"add the system user {USER}")
    parser.add_argument("--uninstall", action="store_true", help="take it away; data stay")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--plan", action="store_true", help="only say what would be done (default)")
    what.add_argument("--yes", action="store_true", help="do it")
    said = parser.parse_args()
    asked = Asked(
        how=said.how,
        root=said.root.resolve(),
        program=said.program,
        config=said.config,
        create_user=said.create_user and said.root.resolve() == Path("/"),
        user_is_there=_is_user(USER),
    )
    return asked, said


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def main() -> int:
    """The command."""
    asked, said = parse()
    try:
        if said.yes and not said.uninstall:
            check(asked)
        n_steps = 0
        for step in uninstall_steps(asked) if said.uninstall else install_steps(asked):
            print(step.words, flush=True)
            n_steps += 1
            if said.yes:
                step.do()
        if n_steps == 0:
            print("Nothing to do")
        elif not said.yes:
            print("Nothing was done yet: add --yes")
            check_quietly(asked)
    except (Refused, OSError) as error:
        print(f"install: {error}", file=sys.stderr)
        return REFUSED
    return DONE


def check_quietly(asked: Asked) -> None:
    """Say beforehand what would stand in the way."""
    try:
        check(asked)
    except Refused as error:
        print(f"It would be refused: {error}")


if __name__ == "__main__":
    sys.exit(main())

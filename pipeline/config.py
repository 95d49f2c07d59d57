"""One frozen configuration: `configs/base.yaml` < a named configuration < environment (secrets).

Thresholds live in each chapter's `settings.py`, with their sources; a configuration names only what
differs. Paths are relative to the configuration file and may begin with `${DARKCALL_…}`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

import pipeline.ais.settings
import pipeline.calls.settings
import pipeline.detect.settings
import pipeline.evaluate.settings
import pipeline.fetch.settings
import pipeline.identity.settings
import pipeline.match.settings
import pipeline.review.settings
import pipeline.scene.settings
import pipeline.simulate.settings
import pipeline.upkeep.settings
import pipeline.voyages.settings
from pipeline.errors import UsageError

BASE = "base.yaml"
MAX_CONFIG_BYTES = 1_000_000
VARIABLE = re.compile(r"\$\{(DARKCALL_[A-Z0-9_]+)\}")


def _aware(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_aware)]


class Period(BaseModel):
    """The days watched, [start, end)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Instant = Field(description="first instant, UTC")
    end: Instant = Field(description="end, UTC, exclusive")


class Inputs(BaseModel):
    """What the user already has on disk. The simulated season adds its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: tuple[Path, ...] = Field((), description="folders searched for scenes")
    ais: tuple[Path, ...] = Field((), description="AIS files, or folders of them")
    watchlists: tuple[Path, ...] = Field(
        (), description="watch lists, or folders of them: OFAC, UN 1718, OpenSanctions, own CSV"
    )
    declared: Path | None = Field(
        None,
        description="CSV of what states declared to the 1718 Committee: month, country, barrels or "
        "tonnes, source; drawn as a series of its own",
    )


class RaySettings(BaseModel):
    """A Ray cluster that runs already (docs/scaling.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(
        "auto",
        pattern=r"^(auto|(ray://)?[A-Za-z0-9.\[\]:_-]+:[0-9]{1,5})$",
        description="auto: the cluster this machine belongs to; else host:port of its head",
    )
    gpu_share: float = Field(
        0.25, gt=0.0, le=1.0,
        description="share of a GPU that one worker of `detect` takes, its model loaded once",
    )  # fmt: skip


class Config(BaseModel):
    """Everything a run depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="short name")
    title: str = Field(description="one line for people")
    workspace: Path = Field(description="folder of everything computed")
    sites: Path = Field(description="GeoJSON of sites, berths and anchorages")
    site_ids: tuple[str, ...] = Field((), description="sites of that file to watch; empty: all")
    period: Period
    inputs: Inputs = Inputs()
    executor: Literal["serial", "processes", "ray"] = Field(
        "processes", description="where items run"
    )
    workers: int | None = Field(None, ge=1, le=1024, description="processes; null: one a core")
    ray: RaySettings = RaySettings()
    vessel_buckets: int = Field(
        1, ge=1, le=1000,
        description="ranges of MMSI that AIS is divided into, each worked on by itself, on any "
        "machine; 1: all ships at once, the least work on one machine",
    )  # fmt: skip
    workspace_store: str | None = Field(
        None,
        pattern=r"^(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._/-]*$",
        description="object storage that several machines keep the workspace in; null: none. "
        "Credentials come from the environment",
    )
    simulate: pipeline.simulate.settings.Settings | None = Field(
        None, description="a simulated season stands in for real inputs"
    )
    fetch: pipeline.fetch.settings.Settings = pipeline.fetch.settings.Settings()
    scene: pipeline.scene.settings.Settings = pipeline.scene.settings.Settings()
    detect: pipeline.detect.settings.Settings = pipeline.detect.settings.Settings()
    ais: pipeline.ais.settings.Settings = pipeline.ais.settings.Settings()
    identity: pipeline.identity.settings.Settings = pipeline.identity.settings.Settings()
    match: pipeline.match.settings.Settings = pipeline.match.settings.Settings()
    calls: pipeline.calls.settings.Settings = pipeline.calls.settings.Settings()
    voyages: pipeline.voyages.settings.Settings = pipeline.voyages.settings.Settings()
    review: pipeline.review.settings.Settings = pipeline.review.settings.Settings()
    evaluate: pipeline.evaluate.settings.Settings = pipeline.evaluate.settings.Settings()
    upkeep: pipeline.upkeep.settings.Settings = pipeline.upkeep.settings.Settings()

    def results_depend_on(self) -> dict[str, Any]:
        """What the results depend on: all but where and how fast they are computed.

        Places of files are left out too: what the files hold is hashed where they are used.
        """
        places = (
            "workspace", "sites", "inputs", "executor", "workers", "ray", "vessel_buckets",
            "workspace_store", "upkeep",
        )  # fmt: skip
        exclude: dict[str, Any] = {**dict.fromkeys(places, True), "evaluate": {"undrawn"}}
        return self.model_dump(mode="json", exclude=exclude)


class Secrets(BaseSettings):
    """Credentials, from the environment only; never written down, never logged."""

    model_config = SettingsConfigDict(env_prefix="DARKCALL_", frozen=True)

    sh_client_id: SecretStr | None = None
    sh_client_secret: SecretStr | None = None
    database_url: SecretStr | None = None
    """Where decisions are kept; it may hold a password, so it stands in no file."""
    alert_urls: SecretStr | None = None
    """Where alerts go, as Apprise writes addresses; blanks or commas between them."""
    heartbeat_url: SecretStr | None = None
    """Asked for at the end of a night that went well; who watches it misses a dead machine."""


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration a YAML file names, laid over `base.yaml` beside it.

    Raises:
        UsageError: a file missing or not YAML, a key unknown, a value out of range.
    """
    environment = os.environ if environment is None else environment
    document = _read_yaml(path)
    base = path.parent / BASE
    if path.name != BASE and base.exists():
        document = _merge(_read_yaml(base), document)
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise _explain(error, path) from None
    return _resolve_paths(config, path.parent, environment)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise UsageError("Configuration is too large", where=path, expected="under 1 MB")
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = sorted(entry.name for entry in path.parent.glob("*.yaml")) or "none there"
        raise UsageError(
            "Configuration not found", where=path, found=known, do="Name one with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("Configuration cannot be read", where=path, found=error) from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise UsageError("Configuration is not YAML", where=path, found=problem) from None
    if not isinstance(document, dict):
        raise UsageError(
            "Configuration is not a mapping", where=path, expected="`key: value` lines"
        )
    return document


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            value = _merge(inner, value)  # noqa: PLW2901
        merged[key] = value
    return merged


def _explain(error: ValidationError, path: Path) -> UsageError:
    """Every problem on its own, with the nearest known name for an unknown key."""
    problems = []
    for problem in error.errors(include_url=False, include_input=False):
        steps = [str(step) for step in problem["loc"]]
        if problem["type"] == "extra_forbidden":
            near = difflib.get_close_matches(steps[-1], _known_names(steps[:-1]), n=1, cutoff=0.5)
            hint = f", did you mean `{near[0]}`?" if near else ""
            problems.append(f"unknown key `{'.'.join(steps)}`{hint}")
        else:
            problems.append(f"`{'.'.join(steps)}`: {problem['msg']}")
    return UsageError("Configuration is wrong", where=path, found="; ".join(problems))


def _known_names(steps: list[str]) -> list[str]:
    model: Any = Config
    for step in steps:
        field = getattr(model, "model_fields", {}).get(step)
        if field is None:
            return []
        options = [field.annotation, *getattr(field.annotation, "__args__", ())]
        model = next((kind for kind in options if hasattr(kind, "model_fields")), None)
    return list(getattr(model, "model_fields", {}))


def _resolve_paths(config: Config, folder: Path, environment: Mapping[str, str]) -> Config:
    def resolve(path: Path) -> Path:
        return (folder / _expand(str(path), environment)).resolve()

    inputs = Inputs(
        scenes=tuple(resolve(path) for path in config.inputs.scenes),
        ais=tuple(resolve(path) for path in config.inputs.ais),
        watchlists=tuple(resolve(path) for path in config.inputs.watchlists),
        declared=config.inputs.declared and resolve(config.inputs.declared),
    )
    metrics = config.upkeep.metrics_file
    upkeep = config.upkeep.model_copy(update={"metrics_file": metrics and resolve(metrics)})
    undrawn = config.evaluate.undrawn
    evaluate = config.evaluate.model_copy(update={"undrawn": undrawn and resolve(undrawn)})
    return config.model_copy(
        update={
            "evaluate": evaluate,
            "upkeep": upkeep,
            "workspace": resolve(config.workspace),
            "sites": resolve(config.sites),
            "inputs": inputs,
        }
    )


def _expand(text: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if not environment.get(name):
            raise UsageError(
                f"Environment variable {name} is not set", where=text, do="Set it to a folder"
            )
        return environment[name]

    return VARIABLE.sub(value, text)

"""Will the coming night go well? The machine, the engines, the archives, what is kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pipeline.config import Config
from pipeline.errors import DarkcallError
from pipeline.fetch.reached import Reached
from pipeline.fetch.sentinel_hub import check_credentials
from pipeline.fetch.sentinel_hub import reach as reach_sentinel_hub
from pipeline.fetch.settings import Provider, SentinelHubProvider
from pipeline.fetch.stac_api import reach as reach_stac
from pipeline.jobs.archives import credentials
from pipeline.jobs.engine_checks import gpu, openvino, pytorch, tensorrt, weights
from pipeline.jobs.kept_checks import database, journal, locks, records
from pipeline.sites import load_sites
from pipeline.upkeep.checkup import Check, Checkup, examine, fail, not_applicable, ok, warn
from pipeline.upkeep.machine import taken
from pipeline.upkeep.machine_checks import (
    disk_space,
    disk_speed,
    inodes,
    memory,
    packages,
    python_version,
)

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
COUNT_WITHIN_S = 4.0
"""Files of a workspace that are looked at for the newest."""
BAD_REQUEST = 400


def doctor(config: Config) -> Checkup:
    """Look at everything, side by side; nothing is changed, and what hangs is given up."""
    started = time.monotonic()
    settings, workspace = config.upkeep, config.workspace
    reached: dict[str, Reached] = {}
    checks: dict[str, Callable[[], Check]] = {
        "python": python_version,
        "packages": partial(packages, LOCK),
        "gpu": partial(gpu, config),
        "openvino": openvino,
        "pytorch": partial(pytorch, config),
        "tensorrt": tensorrt,
        "weights": partial(weights, config),
        "disk space": partial(disk_space, workspace, settings),
        "inodes": partial(inodes, workspace, settings),
        "disk speed": partial(disk_speed, workspace, settings),
        "memory": partial(memory, settings),
        "sites": partial(sites_load, config),
        "inputs": partial(inputs_there, config),
        "metrics file": partial(_metrics_file, config),
        "database": partial(database, config),
        "journal": partial(journal, config),
        "locks": partial(locks, config),
        "run records": partial(records, config),
        "newest file": partial(newest_file, config),
        **provider_checks(config, reached),
    }
    found = examine(checks, settings.check_timeout_s)
    found["clock"] = clock(reached, settings.clock_skew_warn_s)
    return Checkup(checks=found, seconds=time.monotonic() - started)


def provider_checks(config: Config, reached: dict[str, Reached]) -> dict[str, Callable[[], Check]]:
    """One or two for each archive; what answers is put into `reached`."""
    if not config.fetch.providers:
        return {"providers": lambda: not_applicable("no archive is configured")}
    checks: dict[str, Callable[[], Check]] = {}
    for provider in config.fetch.providers:
        checks[f"provider {provider.name}"] = partial(_reach, config, provider, reached)
        if isinstance(provider, SentinelHubProvider):
            checks[f"credentials {provider.name}"] = partial(_credentials, provider)
    return checks


def _reach(config: Config, provider: Provider, reached: dict[str, Reached]) -> Check:
    timeout_s = config.upkeep.answer_timeout_s
    hub = isinstance(provider, SentinelHubProvider)
    url = provider.base_url if isinstance(provider, SentinelHubProvider) else provider.url
    try:
        answer = (
            reach_sentinel_hub(provider, timeout_s)
            if isinstance(provider, SentinelHubProvider)
            else reach_stac(provider, timeout_s)
        )
    except DarkcallError as error:
        return fail(f"{url}: {error.found}", "Look at the network, the proxy and the address")
    reached[provider.name] = answer
    # a service with accounts refuses its root to strangers; a landing page is open
    if answer.status >= (500 if hub else BAD_REQUEST):
        return fail(f"{url} answers HTTP {answer.status}", "Look at the address, or wait")
    return ok(f"{url} answers HTTP {answer.status}")


def _credentials(provider: SentinelHubProvider) -> Check:
    try:
        check_credentials(provider, credentials())
    except DarkcallError as error:
        said = [str(part) for part in (error.what, error.expected, error.found) if part is not None]
        return fail(": ".join(said), error.do)
    return ok("a token was given and let go")


def clock(reached: dict[str, Reached], limit_s: float) -> Check:
    """This machine's against what the archives say, to the second; the nearest is believed."""
    off_s = {
        name: (answer.at - answer.date).total_seconds()
        for name, answer in reached.items()
        if answer.date is not None
    }
    if not off_s:
        return not_applicable("nobody was asked the time")
    name, worst_s = min(off_s.items(), key=lambda pair: abs(pair[1]))
    found = f"{worst_s:+.0f} s against {name}"
    if abs(worst_s) > limit_s:
        return warn(found, "Set the clock (timedatectl set-ntp true)")
    return ok(found)


def newest_file(config: Config) -> Check:
    """A file from the future: the clock was ahead then, or is behind now."""
    counted = taken(config.workspace, COUNT_WITHIN_S)
    if counted.newest_s is None:
        return not_applicable("the workspace is empty")
    ahead_s = counted.newest_s - time.time()
    newest = f"{datetime.fromtimestamp(counted.newest_s, UTC):%Y-%m-%d %H:%M:%S}Z"
    found = newest if counted.is_whole else f"{newest}, of those looked at"
    if ahead_s > config.upkeep.clock_skew_warn_s:
        return warn(f"{found}: {ahead_s:.0f} s in the future", "Set the clock")
    return ok(found)


def sites_load(config: Config) -> Check:
    """Can the sites' file be used?"""
    try:
        sites = load_sites(config.sites, config.site_ids)
    except DarkcallError as error:
        return fail(str(error))
    zones = [zone for site in sites for zone in site.zones]
    guesses = sum(zone.is_guess for zone in zones)
    return ok(f"{len(sites)} sites, {len(zones)} zones, {guesses} of them guesses")


def inputs_there(config: Config) -> Check:
    """Are files and folders there that the configuration names?"""
    inputs = config.inputs
    named = [*inputs.scenes, *inputs.ais, *inputs.watchlists]
    named += [inputs.declared] if inputs.declared is not None else []
    if not named:
        return not_applicable("none is configured")
    lacking = [str(path) for path in named if not os.access(path, os.R_OK)]
    if lacking:
        return fail(f"not there, or not readable: {', '.join(lacking)}", "Check `inputs`")
    return ok(f"{len(named)} files or folders are readable")


def _metrics_file(config: Config) -> Check:
    path = config.upkeep.metrics_file
    if path is None:
        return not_applicable("`upkeep.metrics_file` names none")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        return fail(f"{path.parent} cannot be written to", "Make it, or give this user the right")
    if not path.exists():
        return ok(f"{path}, not yet written")
    age_h = (time.time() - path.stat().st_mtime) / 3600
    return ok(f"{path}, written {age_h:.1f} h ago")

"""The scripts of `scripts/`, loaded by path: they are no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def script():
    """A module by its path below `scripts/`."""
    loaded: dict[str, ModuleType] = {}

    def load(name: str) -> ModuleType:
        if name not in loaded:
            alias = f"scripts_{name.replace('/', '_')}"
            spec = importlib.util.spec_from_file_location(alias, ROOT / "scripts" / f"{name}.py")
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[alias] = module
            spec.loader.exec_module(module)
            loaded[name] = module
        return loaded[name]

    return load

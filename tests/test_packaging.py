"""What is installed is the whole product, and nothing it needs is left unpinned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tasks.version import VERSION

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "models", "cluster")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline from a copy of what a checkout holds."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=tree, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


def product_files() -> Iterator[str]:
    """Every file of the four packages; files for deployment are no part of the wheel."""
    for name in PACKAGES:
        for path in (ROOT / name).rglob("*"):
            relative = path.relative_to(ROOT)
            if path.is_file() and relative.suffix != ".pyc" and relative.parts[1] != "deploy":
                yield relative.as_posix()


def test_the_wheel_holds_every_module_and_every_data_file(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert sorted(set(product_files()) - held) == []


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders == {*PACKAGES, f"albumen-{VERSION}.dist-info"}


def test_the_wheel_brings_the_command_the_licence_and_its_needs(wheel: Path) -> None:
    info = f"albumen-{VERSION}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        commands = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert "albumen = flows.cli:main" in commands
    assert licence.startswith("MIT License")
    assert f"\nVersion: {VERSION}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert metadata.count("Requires-Dist: ") >= len(PROJECT["dependencies"])


def test_the_wheel_works_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    script = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import tasks.records, tasks.manifest, models.contract, cluster\n"
        "print(tasks.__file__, models.__file__, cluster.__file__)"
    )
    # -I: neither the working folder nor PYTHONPATH is looked at.
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [str(site / name / "__init__.py") for name in PACKAGES[1:]]


def test_the_installed_version_is_the_project_s() -> None:
    assert version("albumen") == VERSION


def pins() -> dict[str, str]:
    """Version by canonical name from constraints.txt; any line of another form fails."""
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)", line)
            assert match, f"constraints.txt: not an exact version: {line}"
            name = canonicalize_name(match[1])
            assert name not in found, f"constraints.txt: {name} twice"
            found[name] = match[2]
    return found


def direct_requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    return [Requirement(text) for text in sum(extras.values(), PROJECT["dependencies"])]


@pytest.mark.parametrize("requirement", direct_requirements(), ids=lambda item: item.name)
def test_every_direct_dependency_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    assert requirement.url is None
    pinned = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(Version(pinned))


def test_everything_that_is_needed_is_pinned() -> None:
    """Follows the requirements of what is installed here: no need of a need is left open.

    The extra `training` is not installed for tests; its one package is weights and needs nothing.
    """
    pinned = pins()
    seen: set[tuple[str, str]] = set()
    apart = PROJECT["optional-dependencies"]["training"]
    direct = [item for item in direct_requirements() if item.name not in apart]
    queue = [(item.name, extra) for item in direct for extra in {"", *item.extras}]
    while queue:
        name, extra = queue.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        assert canonicalize_name(name) in pinned, name
        for text in requires(name) or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                queue += [(need.name, more) for more in {"", *need.extras}]


def test_ci_is_a_sound_script_that_checks_and_ends_with_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    lines = [line for line in script.read_text().splitlines() if line.startswith("make ")]
    assert [line.split()[2] for line in lines] == ["check", "chaos", "test"]


def test_nothing_here_names_a_package_index() -> None:
    for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"--(extra-)?index-url|--find-links|https?://", text), name

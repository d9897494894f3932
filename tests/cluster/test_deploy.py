"""The deployment files together: one version of everything, a token everywhere, no secrets."""

from __future__ import annotations

import re
from pathlib import PurePath

import deploy_files
import pytest
from deploy_files import PREFECT, RAY_CLUSTER, RAY_JOB, ROOT, load, pins, texts

from cluster import session
from tasks.version import VERSION

TEXTS = texts()
GUIDE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEXTS)
def test_every_image_of_ours_is_of_this_version(name: str) -> None:
    for image, tag in re.findall(r"([\w./][\w./-]*\balbumen|\balbumen):([\w.-]+)", TEXTS[name]):
        assert tag == VERSION, f"{image}:{tag}"
        assert image in ("ghcr.io/your-organization/albumen", "albumen")
    assert set(re.findall(r"albumen-(\d[\w.]*?)-py3", TEXTS[name])) <= {VERSION}


def test_ray_and_prefect_are_those_of_the_constraints() -> None:
    assert load(RAY_CLUSTER)["spec"]["rayVersion"] == pins()["ray"]
    assert load(RAY_JOB)["spec"]["rayClusterSpec"]["rayVersion"] == pins()["ray"]
    assert load(PREFECT)["prefect-version"] == pins()["prefect"]


def test_one_python_everywhere() -> None:
    """Ray's nodes must all have the driver's; 3.11 is what the project is tested on."""
    pythons = {
        match
        for text in TEXTS.values()
        for match in re.findall(r"python:?(3\.\d+)(?:-slim-bookworm|\b)", text, re.IGNORECASE)
    }
    assert pythons == {"3.11"}
    assert "Python 3.11" in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_the_guide_names_every_file() -> None:
    for name in TEXTS:
        assert PurePath(name.removesuffix(".dockerignore")).name in GUIDE, name


def test_every_path_in_the_guide_is_there() -> None:
    for path in set(re.findall(r"cluster/deploy/[\w./-]*\w", GUIDE)):
        assert (ROOT / path).exists() or path.endswith("/.env"), path  # the user's own


def test_no_file_holds_a_secret() -> None:
    secret = re.compile(r"(PASSWORD|TOKEN|SECRET[\w]*KEY|AUTH(?:_STRING)?)\s*[:=][ \t]*(\S.*)")
    for name, text in TEXTS.items():
        for key, value in secret.findall(text):
            # a variable, a path to a file, or what only says so
            assert re.match(r"[$#|]|\"?\$|~", value), f"{name}: {key} {value}"


def test_ray_starts_with_a_token_or_not_at_all() -> None:
    """Each way of starting a Ray node turns the authentication on, by itself or by its image."""
    for name, text in TEXTS.items():
        for line in text.splitlines():
            if "ray start" in line and not line.lstrip().startswith("#"):
                assert "RAY_AUTH_MODE=token" in text, name
    assert "RAY_AUTH_MODE=token" in TEXTS["image/Containerfile"]


def test_nodes_get_the_environment_that_a_driver_gives_its_own() -> None:
    source = (ROOT / "cluster" / "__init__.py").read_text(encoding="utf-8")
    wanted = dict(re.findall(r'setdefault\("(RAY_\w+)", "([^"]+)"\)', source))
    assert len(wanted) >= 4
    del wanted["RAY_DEDUP_LOGS_SKIP_REGEX"]  # what the driver prints
    for name in ("image/Containerfile", "slurm/albumen.sbatch", "ray/on-premise.yaml"):
        for key, value in wanted.items():
            assert f"{key}={value}" in TEXTS[name], f"{name}: {key}"
        for key, value in session.WORKER_ENVIRONMENT.items():
            assert f"{key}={value}" in TEXTS[name], f"{name}: {key}"


def test_compose_reads_no_variable_that_the_example_leaves_out() -> None:
    assert deploy_files.compose_variables() == set(deploy_files.example_environment())


def test_nothing_names_a_package_index() -> None:
    for path, text in TEXTS.items():
        assert not re.search(r"index-url|find-links", text), path

"""KubeRay's manifests, by the fields KubeRay knows and Kubernetes' own schema of pods."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from deploy_files import NETWORK_POLICY, RAY_CLUSTER, RAY_JOB, load, pod_templates
from kuberay_schema import manifest

KUBERNETES = "1.33"


def check(document: dict[str, Any]) -> int:
    """Raise for anything that an API server with KubeRay would refuse; how many pods it held."""
    jsonschema.validate(document, manifest(document["kind"]))
    templates = list(pod_templates(document))
    for template in templates:
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}}
        kubernetes_validate.validate(pod | {"template": template}, KUBERNETES, strict=True)
    return len(templates)


@pytest.mark.parametrize(("path", "pods"), [(RAY_CLUSTER, 3), (RAY_JOB, 3)])
def test_the_manifest_is_accepted(path: Path, pods: int) -> None:
    assert check(load(path)) == pods


def test_the_network_policy_is_accepted() -> None:
    kubernetes_validate.validate(load(NETWORK_POLICY), KUBERNETES, strict=True)


def rename(document: Any, old: str, new: str) -> Any:
    if isinstance(document, dict):
        return {new if k == old else k: rename(v, old, new) for k, v in document.items()}
    return [rename(part, old, new) for part in document] if isinstance(document, list) else document


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("authOptions", "authOption"),
        ("rayStartParams", "rayStartParameters"),
        ("minReplicas", "minimum"),
        ("mountPath", "path"),
        ("runAsNonRoot", "runAsNotRoot"),
        ("secretRef", "secret"),
        ("template", "podTemplate"),
    ],
)
def test_a_misspelt_field_would_be_found(old: str, new: str) -> None:
    wrong = rename(load(RAY_CLUSTER), old, new)
    assert wrong != load(RAY_CLUSTER)
    with pytest.raises((jsonschema.ValidationError, kubernetes_validate.ValidationError)):
        check(wrong)


def test_ray_start_parameters_are_strings() -> None:
    wrong = deepcopy(load(RAY_CLUSTER))
    wrong["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0
    with pytest.raises(jsonschema.ValidationError):
        check(wrong)


def spec(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = load(path)["spec"]
    return found.get("rayClusterSpec", found)


@pytest.mark.parametrize("path", [RAY_CLUSTER, RAY_JOB], ids=lambda path: path.stem)
class TestBoth:
    def test_a_token_is_asked_for(self, path: Path) -> None:
        assert spec(path)["authOptions"] == {"mode": "token"}

    def test_the_head_lends_nothing_to_lanes(self, path: Path) -> None:
        assert spec(path)["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0", "num-gpus": "0"}

    def test_no_pod_runs_as_root_or_may_become_it(self, path: Path) -> None:
        for template in pod_templates(load(path)):
            security = template["spec"]["securityContext"]
            assert (security["runAsNonRoot"], security["runAsUser"]) == (True, 1000)
            for container in template["spec"]["containers"]:
                assert container["securityContext"]["allowPrivilegeEscalation"] is False
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}

    def test_the_network_policy_finds_every_pod(self, path: Path) -> None:
        wanted = load(NETWORK_POLICY)["spec"]["podSelector"]["matchLabels"]
        for template in pod_templates(load(path)):
            assert wanted.items() <= template["metadata"]["labels"].items()

    def test_what_ray_is_told_is_what_the_pod_has(self, path: Path) -> None:
        for group in spec(path)["workerGroupSpecs"]:
            told = group["rayStartParams"]
            pod = group["template"]["spec"]
            requests = pod["containers"][0]["resources"]["requests"]
            assert told["num-cpus"] == requests["cpu"]
            assert told.get("num-gpus") == requests.get("nvidia.com/gpu")
            (shared,) = (volume["emptyDir"] for volume in pod["volumes"])
            gibibytes = int(shared["sizeLimit"].removesuffix("Gi"))
            assert int(told["object-store-memory"]) < gibibytes << 30
            assert gibibytes < int(requests["memory"].removesuffix("Gi"))


def test_the_job_has_the_nodes_for_its_lanes_when_it_begins() -> None:
    job = load(RAY_JOB)["spec"]
    (group,) = job["rayClusterSpec"]["workerGroupSpecs"]
    assert f"--lanes {group['minReplicas']} " in job["entrypoint"] + " "
    assert (job["backoffLimit"], job["submitterConfig"]["backoffLimit"]) == (0, 0)

"""What KubeRay accepts in a RayCluster and a RayJob, as JSON Schema without its pod templates.

Names, types, enumerations and required fields are those of `ray-operator/apis/ray/v1/
raycluster_types.go` and `rayjob_types.go` of github.com/ray-project/kuberay (Apache-2.0), of 2026;
its generated CRDs say the same in 20,000 lines, most of them Kubernetes' own pod template, which
`kubernetes-validate` checks. A field that is not listed is an error, as with `kubectl apply`.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
STRINGS: Schema = {"type": "object", "additionalProperties": STRING}
POD_TEMPLATE: Schema = {"type": "object", "required": ["spec"]}
"""Checked by Kubernetes' own schema."""

KUBERNETES: Schema = {"type": ["object", "array"]}
"""Another of Kubernetes' own types; none of them is used here."""


def one_of(*names: str) -> Schema:
    """A string of an enumeration."""
    return {"type": "string", "enum": list(names)}


def record(required: tuple[str, ...] = (), /, **fields: Schema) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


HEAD_GROUP = record(
    ("template",),
    template=POD_TEMPLATE,
    headService=KUBERNETES,
    enableIngress=BOOLEAN,
    ingressOptions=KUBERNETES,
    resources=STRINGS,
    labels=STRINGS,
    rayStartParams=STRINGS,
    serviceType=STRING,
)

WORKER_GROUP = record(
    ("groupName", "minReplicas", "maxReplicas", "template"),
    suspend=BOOLEAN,
    groupName=STRING,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    idleTimeoutSeconds=COUNT,
    priority={"type": "integer"},
    resources=STRINGS,
    labels=STRINGS,
    rayStartParams=STRINGS,
    template=POD_TEMPLATE,
    scaleStrategy=record(workersToDelete={"type": "array", "items": STRING}),
    numOfHosts=COUNT,
)

AUTOSCALER = record(
    resources=KUBERNETES,
    image=STRING,
    imagePullPolicy=one_of("Always", "Never", "IfNotPresent"),
    securityContext=KUBERNETES,
    idleTimeoutSeconds=COUNT,
    upscalingMode=one_of("Default", "Aggressive", "Conservative"),
    version=one_of("v1", "v2"),
    env=KUBERNETES,
    envFrom=KUBERNETES,
    volumeMounts=KUBERNETES,
    command={"type": "array", "items": STRING},
    args={"type": "array", "items": STRING},
)

RAY_CLUSTER_SPEC = record(
    ("headGroupSpec",),
    upgradeStrategy=record(type=one_of("Recreate", "None")),
    authOptions=record(
        enableK8sTokenAuth=BOOLEAN, secretName=STRING, mode=one_of("disabled", "token")
    ),
    suspend=BOOLEAN,
    managedBy=STRING,
    autoscalerOptions=AUTOSCALER,
    headServiceAnnotations=STRINGS,
    enableInTreeAutoscaling=BOOLEAN,
    gcsFaultToleranceOptions=KUBERNETES,
    headGroupSpec=HEAD_GROUP,
    rayVersion=STRING,
    workerGroupSpecs={"type": "array", "items": WORKER_GROUP},
)

RAY_JOB_SPEC = record(
    activeDeadlineSeconds=COUNT,
    backoffLimit=COUNT,
    rayClusterSpec=RAY_CLUSTER_SPEC,
    submitterPodTemplate=POD_TEMPLATE,
    metadata=STRINGS,
    clusterSelector=STRINGS,
    submitterConfig=record(backoffLimit=COUNT),
    managedBy=STRING,
    deletionStrategy=KUBERNETES,
    entrypoint=STRING,
    runtimeEnvYAML=STRING,
    jobId=STRING,
    submissionMode=one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    entrypointResources=STRING,
    entrypointNumCpus=NUMBER,
    entrypointNumGpus=NUMBER,
    ttlSecondsAfterFinished=COUNT,
    shutdownAfterJobFinishes=BOOLEAN,
    suspend=BOOLEAN,
)

SPECS = {"RayCluster": RAY_CLUSTER_SPEC, "RayJob": RAY_JOB_SPEC}


def manifest(kind: str) -> Schema:
    """The schema of a whole manifest of one of the `SPECS`."""
    return record(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=record(("name",), name=STRING, namespace=STRING, labels=STRINGS),
        spec=SPECS[kind],
    )

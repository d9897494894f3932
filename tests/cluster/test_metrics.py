"""Names of metrics: in the code, on the dashboard, in the alerts, and in Ray itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from deploy_files import DEPLOY, ROOT

from cluster import metrics
from cluster.metrics import METRICS, Meter

DASHBOARD = json.loads((DEPLOY / "grafana" / "albumen.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((DEPLOY / "prometheus" / "albumen.rules.yml").read_text(encoding="utf-8"))
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
GUIDE = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")

OURS = {name for metric in METRICS for name in metric.exported}
TAGS = {tag for metric in METRICS for tag in metric.tags} | {"collection", "le"}


def _expressions() -> list[str]:
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return shown + [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]


def test_dashboard_and_alerts_know_only_names_that_exist() -> None:
    from ray.dashboard.modules.reporter.reporter_agent import METRICS_GAUGES

    of_ray = {f"ray_{name}" for name in METRICS_GAUGES}
    used = {name for text in _expressions() for name in re.findall(r"\bray_\w+", text)}
    assert used - of_ray == OURS, "every metric of ours is shown, and nothing else is asked for"
    assert "ray_node_gpus_utilization" in used
    variables = DASHBOARD["templating"]["list"]
    assert {v["name"] for v in variables} == {"datasource", "collection"}
    asked = re.search(r"label_values\((\w+), (\w+)\)", json.dumps(variables))
    assert asked and asked[1] in OURS and asked[2] in TAGS


def test_expressions_group_by_tags_that_exist_and_are_well_formed() -> None:
    for text in _expressions():
        for by in re.findall(r"by \(([^)]*)\)", text):
            assert set(by.split(", ")) <= TAGS, text
        assert text.count("(") == text.count(")") and text.count("{") == text.count("}"), text


def test_the_dashboard_is_laid_out_as_grafana_wants_it() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["type"] in ("stat", "timeseries") and panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_prometheus_reads_the_file_that_ray_writes() -> None:
    from ray._private.ray_constants import PROMETHEUS_SERVICE_DISCOVERY_FILE as FILE

    (job,) = PROMETHEUS["scrape_configs"]
    assert job["file_sd_configs"][0]["files"] == [f"/tmp/ray/{FILE}"]
    assert PROMETHEUS["rule_files"] == ["albumen.rules.yml"]
    for rule in RULES["groups"][0]["rules"]:
        assert rule.keys() <= {"alert", "expr", "for", "annotations"}
        for tag in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert tag in re.findall(r"\w+", rule["expr"])


def test_the_guide_explains_every_metric() -> None:
    for metric in METRICS:
        name = f"ray_{metric.name}" + ("_total" if metric.kind is metrics.Counter else "")
        assert f"`{name}`" in GUIDE, name


class Noted:
    """Stands for all metrics of Ray: notes what they were told."""

    def __init__(self) -> None:
        self.told: dict[str, list[tuple[float, dict[str, str]]]] = {}

    def __call__(self, name: str) -> Any:
        declared = next(metric for metric in METRICS if metric.name == name)

        def note(value: float, tags: dict[str, str]) -> None:
            assert set(tags) == {"collection", *declared.tags}
            self.told.setdefault(name, []).append((value, tags))

        return type("Metric", (), dict.fromkeys(("inc", "set", "observe"), staticmethod(note)))


def test_a_meter_tells_scans_pixels_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    noted = Noted()
    monkeypatch.setattr(metrics, "_registered", noted)
    meter = Meter("s3://archive/out", 3)
    page = {"status": "restored", "width": 40, "height": 30}
    meter.scan([page, page | {"width": 10}])
    meter.scan([{"status": "failed", "error_class": "CorruptFile"}])
    meter.step("damage", 1.5)
    meter.death("damage")
    meter.flight(scans=4, held_bytes=900, waiting=1, queued=7)
    meter.rest()
    assert [v for v, _ in noted.told["albumen_pixels"]] == [1500]
    assert [t["status"] for _, t in noted.told["albumen_scans"]] == ["restored", "failed"]
    assert noted.told["albumen_failures"][0][1]["error_class"] == "CorruptFile"
    assert [v for v, _ in noted.told["albumen_busy_seconds"]] == [1.5]
    assert [v for v, _ in noted.told["albumen_in_flight_scans"]] == [4, 0]
    assert [v for v, _ in noted.told["albumen_lane_busy"]] == [1, 1, 0]
    assert noted.told["albumen_lane_busy"][0][1] == {"collection": "s3://archive/out", "lane": "3"}
    assert noted.told.keys() == {metric.name for metric in METRICS}

"""What the loop and Ray Data are given: the jobs that `albumen restore` would do."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from flows.planning import plan_restoration, stage_options
from flows.settings import RestoreSettings
from tasks.location import Location
from tasks.partition import Job


@dataclass(frozen=True)
class Work:
    """The jobs of a collection, where they go, and the threads of its networks."""

    jobs: list[Job]
    destination: Location
    settings: RestoreSettings
    threads: int

    @property
    def options(self) -> dict[str, dict[str, str]]:
        """Keywords of the builders by stage."""
        return stage_options(self.settings)


def asked_for(description: str | None) -> Work:
    """SOURCE DESTINATION [--threads N] [--damage-model NAME] of the command line, planned."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("source")
    parser.add_argument("destination")
    parser.add_argument("--threads", type=int, default=2, help="of the networks")
    parser.add_argument("--damage-model", default="auto")
    given = parser.parse_args()
    settings = RestoreSettings(
        source=given.source, destination=given.destination, damage_model=given.damage_model
    )
    source, destination = settings.locations()
    plan, _ = plan_restoration(settings, source, destination)
    jobs = [job for partition in plan.partitions() for job in partition.jobs]
    return Work(jobs, destination, settings, given.threads)

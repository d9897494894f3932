"""The order of the steps of a scan, and which objects each step is given."""

from __future__ import annotations

from typing import Any

from cluster import steps
from cluster.calls import Done, Page
from cluster.dispatch import Dispatcher
from cluster.journey import Journey, Sheet
from cluster.lanes import Lane
from tasks.records import Row
from tasks.storage import Location


class Route:
    """Sends journeys from step to step: probe, then for every page read, look and the stages,
    then write. References are passed on; only Outcomes are looked at."""

    def __init__(
        self, lane: Lane, dispatcher: Dispatcher, source: Location, destination: Location
    ) -> None:
        self._lane = lane
        self._dispatch = dispatcher
        self._source = source
        self._destination = destination

    def probe(self, journey: Journey) -> None:
        """The first step: what does the header say?"""
        task, scan, source = self._placed(steps.probe), journey.scan, self._source
        self._dispatch.offer(journey, "probe", lambda _: [task.remote(scan, source)])

    def read(self, journey: Journey) -> None:
        """The next page into shared memory."""
        task, scan, source = self._placed(steps.read), journey.scan, self._source
        page = len(journey.sheets)
        checksum = journey.sheets[0].columns["source_sha256"] if page else None
        journey.sheets.append(Sheet())
        self._dispatch.offer(journey, "read", lambda _: task.remote(scan, source, page, checksum))

    def onward(self, journey: Journey, done: Done) -> list[Row] | None:
        """Take over what a step after `probe` made and begin the next; rows after the last."""
        assert done.outcome is not None
        if done.step == "write":
            pages, outputs = done.outcome.detail
            journey.sheets[0].columns["seconds_write"] = done.outcome.seconds
            return journey.rows(pages, outputs)
        sheet = journey.sheet
        sheet.learn(done.step, done.outcome)
        if done.step == "read":
            _, sheet.pixels, sheet.photograph = done.refs
            self._look(journey)
        else:
            if done.step == "look":
                sheet.hints = done.refs[1]
            else:
                sheet.results.append(done.refs[1])
            self._next_stage(journey)
        return None

    def _look(self, journey: Journey) -> None:
        task, recipe = self._placed(steps.look), journey.job.recipe
        given = (journey.sheet.pixels, recipe.looks_for_faces, recipe.face_detector)

        def look(actor: Any) -> Any:
            looking = actor.look.options(num_returns=2) if actor else task
            return looking.remote(*given)

        self._dispatch.offer(journey, "look", look)

    def _next_stage(self, journey: Journey) -> None:
        assert journey.header is not None
        sheet, stages = journey.sheet, journey.stages
        if len(sheet.results) < len(stages):
            stage = stages[len(sheet.results)]
            given = (sheet.pixels, sheet.hints, *sheet.results)
            options, size = journey.job.recipe.stage_options, journey.header.decoded_bytes
            self._dispatch.offer_page(stage, Page(journey, options, given, size))
            return
        if len(journey.sheets) < journey.header.page_count:
            sheet.pixels = sheet.photograph = sheet.hints = None  # freed; read again to write
            self.read(journey)
        else:
            self._write(journey)

    def _write(self, journey: Journey) -> None:
        assert journey.header is not None
        parts: list[Any] = []
        if journey.header.page_count == 1:
            parts = [journey.sheet.pixels, journey.sheet.photograph]
        parts += [result for sheet in journey.sheets for result in sheet.results]
        task = self._placed(steps.write)
        given = (
            journey.job,
            self._source,
            self._destination,
            journey.sheets[0].columns["source_sha256"],
            journey.header.page_count * journey.header.decoded_bytes,
            journey.stages,
            *parts,
        )
        self._dispatch.offer(journey, "write", lambda _: [task.remote(*given)])

    def _placed(self, task: Any) -> Any:
        return task.options(scheduling_strategy=self._lane.io_placement())

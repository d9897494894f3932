"""The one small actor through which a running partition and the driver hear of each other."""

from __future__ import annotations

from collections import deque

import ray

from cluster.progress import News
from tasks.events import Event

_EVENTS_KEPT = 20_000


# Ray ends it where a node runs out of memory, however little it has itself. It may: all that it
# knows is told again, by the partitions within a second and by the driver when it asks.
@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Tally:
    """Hands the news of partitions on to the driver; answers whether they should stop."""

    def __init__(self) -> None:
        self._news: dict[str, News] = {}
        self._events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._stopping = False

    def report(self, partition_id: str, news: News) -> bool:
        """Take a partition's news; True asks it to finish what is in flight and stop."""
        self._events.extend(news.events)
        self._news[partition_id] = news
        return self._stopping

    def stop(self) -> None:
        """Ask every partition to start no further scan."""
        self._stopping = True

    def collect(self, stopping: bool) -> tuple[dict[str, News], list[Event]]:
        """The latest news by partition and all events, since the last call; `stopping` is what
        the driver asked for already."""
        self._stopping |= stopping
        news, events = self._news, list(self._events)
        self._news = {}
        self._events.clear()
        return news, events

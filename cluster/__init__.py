"""Ray: sessions, declared resources, lanes of actors, and the task that runs a partition."""

import os

# Ray reads these while it is imported, so they stand here, before any module imports it.
# Whatever the user has set stays; telemetry is off, and a task killed for memory is not
# retried without end (DESIGN 3.4).
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# What Ray prints when a worker dies goes to standard output, where results are expected; the
# rows say what became of the scans, Ray's own log files the rest.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
os.environ.setdefault("RAY_task_oom_retries", "0")

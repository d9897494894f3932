"""Prefect flows, their settings, and the command line: what happens, in order."""

import os

# Prefect reads these while it is imported, so they stand here, before any module imports it.
# What the user has set stays; telemetry is off, our modules' logs go to the run's (where there is
# one, without a word where not), and the embedded server has time to start on a slow machine.
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "flows,cluster,tasks")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
# A server that is gone is tried for eight minutes and a half instead of one: scans are restored
# meanwhile (DESIGN 12).
os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", "8")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

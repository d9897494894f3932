"""Prefect flows, their settings, and the command line: what happens, in order."""

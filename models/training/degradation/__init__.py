"""Degradation synthesis: what a century does to a photograph, drawn from a seed."""

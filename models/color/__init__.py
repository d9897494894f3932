"""The color stage."""

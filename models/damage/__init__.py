"""The damage stage."""

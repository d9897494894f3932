"""The faces stage."""

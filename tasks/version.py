"""Name and version of this software, as rows and derivatives record it."""

from importlib.metadata import version

VERSION = version("albumen")
SOFTWARE = f"Albumen {VERSION}"

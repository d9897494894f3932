"""Name and version of this software, as rows and derivatives record it.

A literal, not looked up: a Ray node that runs the driver's code has no installed distribution.
"""

VERSION = "0.1.0"
SOFTWARE = f"Albumen {VERSION}"

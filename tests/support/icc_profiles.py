"""ICC profiles made for the tests, by the names museums know them by."""

from __future__ import annotations

from functools import cache

import imagecodecs

_D65, _D50 = (0.3127, 0.3290, 1.0), (0.3457, 0.3585, 1.0)


@cache
def icc_profile(name: str) -> bytes:
    """`srgb`, `adobe rgb`, `prophoto`, `grey 2.2`, `grey 1.0` or `cmyk`."""
    if name == "cmyk":
        import pyvips

        return bytes(pyvips.Operation.call("profile_load", "cmyk"))
    if name == "srgb":
        return bytes(imagecodecs.cms_profile("srgb"))
    if name.startswith("grey"):
        return bytes(imagecodecs.cms_profile("gray", whitepoint=_D65, gamma=float(name[5:])))
    white, gamma, corners = {
        "adobe rgb": (_D65, 563 / 256, (0.64, 0.33, 1, 0.21, 0.71, 1, 0.15, 0.06, 1)),
        "prophoto": (_D50, 1.8, (0.7347, 0.2653, 1, 0.1596, 0.8404, 1, 0.0366, 0.0001, 1)),
    }[name]
    profile = imagecodecs.cms_profile("rgb", whitepoint=white, primaries=corners, gamma=gamma)
    return bytes(profile)

"""Full-size photographs to measure on: Debian's photographic wallpapers, CC0, none trained on.

    python bench/wallpapers.py FOLDER --mirror URL

Fetches the packages with `apt-get download` (in a cache of its own: the machine's list of
packages is not touched; no root needed), takes the photographs named below out of them with
`dpkg-deb -x`, checks every file's sha256, and leaves them in FOLDER. What is there already is
not fetched again.

Looked through: the likely packages of bookworm with wallpapers or backgrounds, and
gnome-backgrounds and budgie-backgrounds of bullseye, trixie and sid; others were only listed. Most
pictures are drawn or rendered; of the photographs longer than 4000 pixels under a Creative Commons
licence, those of lomiri-wallpapers are in the training set. Left are the first four here (the
fourth has exactly 4000 pixels; Acrylic is a photographed painting); the last two, of 3840, add a
building and an animal. Compared with all training photographs by package, by path and by
difference hash (64 bits, of the whole picture): the nearest is 13 bits away.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SUITES = ("bullseye", "trixie")


@dataclass(frozen=True)
class Wallpaper:
    """A photograph in a Debian package: where it lies in it, whose it is, and its hash."""

    package: str
    version: str
    path: str
    sha256: str
    width: int
    height: int
    licence: str
    author: str

    @property
    def name(self) -> str:
        """File name in the folder."""
        return Path(self.path).name


def _gnome(name: str, sha256: str, width: int, height: int, author: str) -> Wallpaper:
    """Licences as AUTHORS in the package states them."""
    path = f"usr/share/backgrounds/gnome/{name}"
    return Wallpaper("gnome-backgrounds", "3.38.0-1", path, sha256, width, height, "CC0", author)


def _budgie(name: str, sha256: str, width: int, height: int) -> Wallpaper:
    """Licence as debian/copyright states it for every picture."""
    return Wallpaper(
        "budgie-backgrounds",
        "3.0-1",
        f"usr/share/backgrounds/budgie/{name}",
        sha256,
        width,
        height,
        "CC0-1.0",
        "Budgie Desktop Developers",
    )


WALLPAPERS = (
    _gnome(
        "Acrylic.jpg",
        "4e4d3843319508f706c24a827dc9ae2400c347942602fa027db726bd3da5334b",
        5403,
        3602,
        "Steve Johnson",
    ),
    _gnome(
        "LightWaves.jpg",
        "c05c28d1f6a374d26728076b5e2946121595e172f298ebb21ec1f7a4a7b8a56b",
        6016,
        4016,
        "Skitterphoto",
    ),
    _gnome(
        "SeaSunset.jpg",
        "df7a52b652dc381ce7ddb20db2c229af2222f167193e02920919043a58087fac",
        5760,
        3840,
        "Sebastian Voortman",
    ),
    _gnome(
        "ColdWarm.jpg",
        "b31f8bd5f6f2a16d91fbb7644aeaaf1e6f1254213768cc6bc71151f1e142f1b1",
        4000,
        2250,
        "invisiblepower",
    ),
    _budgie(
        "roman-colosseum.jpg",
        "3a085abab563afcdcfc3009fa126bbceb426921dd5bcdbb6f08fb0a601568030",
        3840,
        2160,
    ),
    _budgie(
        "perched-osprey.jpg",
        "d57e8d13c898c8abdf99a6429868e02935c4bb23993dfbb1a190136ee396a179",
        3840,
        2160,
    ),
)


def fetch(folder: Path, mirror: str) -> list[Path]:
    """The wallpapers in `folder`, fetched where they are not there yet.

    Exits with a message where apt is missing, a package cannot be had, or a file is not the one
    that was chosen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [one for one in WALLPAPERS if not (folder / one.name).exists()]
    if missing:
        for tool in ("apt-get", "dpkg-deb"):
            if shutil.which(tool) is None:
                sys.exit(f"{tool} is missing: run this on Debian, or copy FOLDER from there.")
        with tempfile.TemporaryDirectory(prefix="albumen-wallpapers-") as cache:
            _fetch(missing, folder, Path(cache), mirror)
    for one in WALLPAPERS:
        found = hashlib.sha256((folder / one.name).read_bytes()).hexdigest()
        if found != one.sha256:
            sys.exit(f"{folder / one.name} has sha256 {found}, expected {one.sha256}: delete it.")
    return [folder / one.name for one in WALLPAPERS]


def _fetch(missing: list[Wallpaper], folder: Path, cache: Path, mirror: str) -> None:
    environment = _private_apt(cache, mirror)
    _run(["apt-get", "update", "-qq"], cache, environment)
    for package, version in dict.fromkeys((one.package, one.version) for one in missing):
        _run(["apt-get", "download", "-qq", f"{package}={version}"], cache, environment)
        (archive,) = cache.glob(f"{package}_*.deb")
        _run(["dpkg-deb", "-x", archive.name, package], cache, environment)
    for one in missing:
        shutil.copyfile(cache / one.package / one.path, folder / f"{one.name}.part")
        (folder / f"{one.name}.part").rename(folder / one.name)


def _private_apt(cache: Path, mirror: str) -> dict[str, str]:
    """An environment in which apt knows the suites named above and nothing else."""
    for part in ("lists/partial", "archives/partial", "parts"):
        (cache / part).mkdir(parents=True)
    lines = [f"deb [signed-by={_KEYRING}] {mirror} {suite} main" for suite in _SUITES]
    (cache / "sources.list").write_text("\n".join(lines) + "\n")
    (cache / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{cache}/sources.list";\n'
        f'Dir::Etc::sourceparts "{cache}/parts";\n'
        f'Dir::State::lists "{cache}/lists";\n'
        f'Dir::Cache "{cache}";\n'
        'APT::Sandbox::User "";\n'
        'Acquire::Check-Valid-Until "false";\n'  # bullseye changes no more
    )
    return {**os.environ, "APT_CONFIG": str(cache / "apt.conf")}


def _run(command: list[str], cache: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=cache, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(
            f"{' '.join(command)} failed: {done.stderr.strip()}\nOlder suites move to "
            "Debian's archive of old releases: name it with --mirror."
        )


def main() -> None:
    """Fetch, and print what lies where."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", required=True, help="URL of a mirror of Debian")
    given = parser.parse_args()
    for path, one in zip(fetch(given.folder, given.mirror), WALLPAPERS, strict=True):
        print(f"{path}: {one.width} x {one.height}, {one.package} {one.version}, ", end="")
        print(f"{one.licence}, {one.author}")


if __name__ == "__main__":
    main()

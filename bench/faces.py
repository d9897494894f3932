"""The face stage on a group of fifty: seconds and peak memory, batched and one by one.

    python bench/faces.py [--faces FOLDER] [--count 50] [--megapixels 24] [--side 400]
                          [--model auto] [--device auto] [--threads 2] [--rounds 3]

The group is put together from the portraits of FOLDER (painted faces where none is given), each
the same number of pixels high. The same faces go through the stage once together and once each
alone, in turn, in one process that has loaded the network, and the network alone is asked for
the same crops in both ways; medians of the rounds. Peaks are private memory (USS) of that
process; the group lies in shared memory, as in a run, and does not count. Finding the faces is
part of the look, and is measured beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

if TYPE_CHECKING:
    from models.contract import StageInput, StageResult

Image = NDArray[np.uint8]

_EVERY = 0.02  # seconds between two looks at the memory


def main() -> None:
    """Put the group together, measure in a fresh process, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--faces", type=Path, help="folder of portraits; painted ones without")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--megapixels", type=float, default=24.0)
    parser.add_argument("--side", type=int, default=400, help="pixels of a portrait in the group")
    parser.add_argument("--model", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(_measured(json.loads(given.case))))
        return
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        group, places = group_of(_portraits(given.faces, given.count), given)
        path = Path(folder) / "group"
        pixels = np.memmap(path, np.uint8, "w+", shape=group.shape)
        pixels[:] = group
        case = {"path": str(path), "shape": group.shape, "places": places}
        case |= {name: getattr(given, name) for name in ("model", "device", "threads", "rounds")}
        command = [sys.executable, __file__, "--case", json.dumps(case)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    _print(json.loads(done.stdout.splitlines()[-1]), group.shape, given)


def _print(made: dict[str, Any], shape: tuple[int, ...], given: argparse.Namespace) -> None:
    height, width = shape[:2]
    print(f"A group of {given.count}, {width} x {height}, {made['device']}, {made['model']}")
    print(
        f"found by the look: {made['found']} faces in {made['look']:.1f} s; enhanced of the "
        f"{given.count} put there: {made['enhanced']}"
    )
    print(f"{'':24}{'together s':>12}{'GB':>7}{'one by one s':>15}{'GB':>7}  never slower")
    for name in ("stage", "network"):
        both, each = made[f"{name}, together"], made[f"{name}, one by one"]
        never = "yes" if both["seconds"] <= each["seconds"] else "NO"
        print(
            f"{name:24}{both['seconds']:12.2f}{both['peak'] / 1e9:7.2f}"
            f"{each['seconds']:15.2f}{each['peak'] / 1e9:7.2f}  {never}"
        )
    print(f"private memory before it: {made['before'] / 1e9:.2f} GB")


def group_of(
    portraits: list[Image], given: argparse.Namespace
) -> tuple[Image, list[tuple[int, int, int, int]]]:
    """HxWx3: `portraits`, `given.side` pixels square, in rows on a wall; and their boxes."""
    height = round((given.megapixels * 1e6 * 2 / 3) ** 0.5)
    width, side = height * 3 // 2, given.side
    columns = int(np.ceil((given.count * width / height) ** 0.5))
    rows = -(-given.count // columns)
    if side * columns > width or side * rows > height:
        sys.exit(f"{given.count} portraits of {side} pixels do not fit into {width} x {height}")
    shade = np.linspace(150, 90, height, dtype=np.float32)[:, None, None]
    grain = np.random.default_rng(1).normal(0, 4, (height, width, 1)).astype(np.float32)
    group = np.clip(np.repeat(shade + grain, 3, axis=2), 0, 255).astype(np.uint8)
    places = []
    for number in range(given.count):
        row, column = divmod(number, columns)
        top = round((row + 0.5) * height / rows - side / 2)
        left = round((column + 0.5) * width / columns - side / 2)
        portrait = portraits[number % len(portraits)]
        group[top : top + side, left : left + side] = cv2.resize(
            portrait, (side, side), interpolation=cv2.INTER_CUBIC
        )
        places.append((left, top, left + side, top + side))
    return group, places


def _portraits(folder: Path | None, count: int) -> list[Image]:
    if folder is None:
        sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
        from painted_scenes import face, rgb

        return [rgb(face(320))]
    from models.training.data import photograph_files, read_photographs

    files = photograph_files(folder)
    chosen = files[:: max(1, len(files) // count)][:count]
    return [_square(image) for image in read_photographs(chosen)]


def _square(image: Image) -> Image:
    side = min(image.shape[:2])
    top, left = ((edge - side) // 2 for edge in image.shape[:2])
    return image[top : top + side, left : left + side]


def _measured(case: dict[str, Any]) -> dict[str, Any]:
    """In a process of its own: look, load, and both ways in turn."""
    from models.contract import Hints, StageInput
    from models.faces.align import crop, similarity
    from models.faces.detect import detect
    from models.faces.enhancer import load_enhancer
    from models.faces.landmarks import landmarks
    from models.faces.restorer import FaceRestorer
    from models.pixels import whole

    cv2.setNumThreads(case["threads"])
    pixels = np.memmap(case["path"], np.uint8, "r", shape=tuple(case["shape"]))
    start = time.perf_counter()
    found = detect(pixels)
    look = time.perf_counter() - start
    faces = tuple(one for one in (_best(found, place) for place in case["places"]) if one)
    enhancer = load_enhancer(case["model"], case["device"])
    stage = FaceRestorer(model=enhancer, threads=case["threads"])

    def page(faces: tuple[Any, ...]) -> StageInput:
        return StageInput(pixels, Hints(whole(pixels), "color", {}, faces))

    points = [landmarks(pixels, face.box) for face in faces]
    known = [similarity(three, enhancer.side) for three in points if three is not None]
    crops = [crop(pixels, matrix, enhancer.side) for matrix in known]
    group, alone = page(faces), [page((face,)) for face in faces]
    stage([alone[0]])  # dlib's files and torch's first call
    enhancer(crops[:1])
    ways: dict[str, Callable[[], Any]] = {
        "stage, together": lambda: stage([group]),
        "stage, one by one": lambda: [stage([one]) for one in alone],
        "network, together": lambda: enhancer(crops),
        "network, one by one": lambda: [enhancer([one]) for one in crops],
    }
    before = psutil.Process().memory_full_info().uss
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks = dict.fromkeys(ways, 0)
    for number in range(case["rounds"]):
        order = list(ways) if number % 2 == 0 else list(ways)[::-1]  # neither always comes first
        for name in order:
            taken, peak = _timed(ways[name])
            seconds[name].append(taken)
            peaks[name] = max(peaks[name], peak)
    (result,) = stage([group])
    return {
        "found": len(found),
        "look": look,
        "enhanced": _enhanced(result),
        "device": str(enhancer.device),
        "model": enhancer.name,
        "before": before,
        **{
            name: {"seconds": statistics.median(taken), "peak": peaks[name]}
            for name, taken in seconds.items()
        },
    }


def _best(found: Any, place: list[int]) -> Any:
    """The face found with its middle in the portrait `place`; None where there is none."""
    left, top, right, bottom = place
    for face in found:
        x, y = (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2
        if left <= x < right and top <= y < bottom:
            return face
    return None


def _enhanced(result: StageResult) -> int:
    return sum(bool(row["applied"]) for row in result.metrics["faces"])


def _timed(work: Callable[[], Any]) -> tuple[float, int]:
    """Seconds, and the peak of this process's private bytes meanwhile."""
    process, over, peaks = psutil.Process(), threading.Event(), [0]

    def watch() -> None:
        while not over.wait(_EVERY):
            peaks[0] = max(peaks[0], process.memory_full_info().uss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        work()
    finally:
        seconds = time.perf_counter() - start
        over.set()
        watcher.join()
    return seconds, max(peaks[0], process.memory_full_info().uss)


if __name__ == "__main__":
    main()

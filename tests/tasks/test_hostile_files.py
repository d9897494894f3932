import resource
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import tifffile
from corpus import jpeg_bytes, make_corpus, picture, png_bytes, raw_tiff, tiff_bytes

from tasks import images
from tasks.errors import CorruptImage, ScanError, TooLarge, UnsupportedImage


def _outcome(path):
    """`ok` or the class of the error, having read every page as a lane would."""
    try:
        with path.open("rb") as file:
            header = images.probe(file, path.name)
        for page in range(header.page_count):
            found = images.read_page(path, page, "")
            shape = found.samples.shape
            assert shape[:2] == found.working.shape[:2]
            if page == 0:
                # The budget of a lane rests on what the header promised.
                assert {shape[0], shape[1]} == {header.height, header.width}
                assert found.samples.itemsize * 8 == header.bit_depth
                assert (3 if found.samples.ndim == 3 else 1) == header.channels
            assert found.samples.nbytes <= header.decoded_bytes
    except ScanError as error:
        assert len(str(error)) > 20
        return type(error).__name__
    return "ok"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "scans"
    folder.mkdir()
    return folder, make_corpus(folder)


def test_corpus_is_large_and_its_files_exist(corpus):
    folder, cases = corpus
    assert sum(case.expected != "ok" for case in cases) >= 40
    assert sum(case.name.startswith("good/") for case in cases) >= 5
    assert len({case.name for case in cases}) == len(cases)
    assert all((folder / case.name).is_file() for case in cases if case.regular)


def test_every_file_ends_as_it_must(corpus):
    folder, cases = corpus
    ends = {case.name: _outcome(folder / case.name) for case in cases if case.regular}
    wrong = {
        case.name: ends[case.name]
        for case in cases
        if case.regular and not case.allows(ends[case.name])
    }
    assert wrong == {}


def test_corpus_is_read_in_bounded_memory(corpus):
    folder, _ = corpus
    script = """
        import sys
        from pathlib import Path
        sys.path[:0] = sys.argv[2:]
        from tasks import images
        from tasks.errors import ScanError
        for path in sorted(Path(sys.argv[1]).rglob("*")):
            if path.is_file():
                try:
                    with path.open("rb") as file:
                        images.probe(file, path.name)
                    images.read_page(path, 0, "")
                except ScanError:
                    pass
        # Not ru_maxrss: that begins with the memory of the process that forked this one.
        status = Path("/proc/self/status").read_text()
        print(status.partition("VmHWM:")[2].split()[0])
    """
    root = Path(images.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder), str(root)],
        capture_output=True,
        text=True,
        check=True,
        # A declared bomb that was believed would hit this wall and fail the run.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)),
    )
    assert int(done.stdout.split()[-1]) < 700_000  # KiB, of which the imports are the most


def test_probe_of_a_bomb_reads_a_few_kilobytes():
    class Counted:
        def __init__(self, data):
            self.data, self.at, self.total = data, 0, 0

        def seek(self, offset, whence=0):
            self.at = offset + (0, self.at, len(self.data))[whence]
            return self.at

        def read(self, size=-1):
            part = self.data[self.at :] if size < 0 else self.data[self.at : self.at + size]
            self.at += len(part)
            self.total += len(part)
            return part

    large = picture(1500, 1500, dtype=np.uint16)
    for data in (
        tiff_bytes(large, rowsperstrip=1),
        jpeg_bytes((large >> 8).astype(np.uint8), quality=98),
        png_bytes(large),
    ):
        file = Counted(data)
        images.probe(file, "large")
        assert file.total < 70_000 < len(data)


@pytest.mark.parametrize("seed", range(60))
def test_random_damage_ends_in_a_named_error_or_a_picture(tmp_path, seed):
    sources = (
        tiff_bytes(picture(), compression="lzw", predictor=True, rowsperstrip=8),
        tiff_bytes(picture(dtype=np.uint16), compression="zlib", tile=(16, 16), byteorder=">"),
        tiff_bytes(picture(), compression="jpeg", rowsperstrip=16),
        jpeg_bytes(picture()),
    )
    random = np.random.default_rng(seed)
    for number, source in enumerate(sources):
        damaged = bytearray(source)
        reach = 400 if number < 3 and seed % 2 else len(damaged)
        for at in random.integers(8, min(reach, len(damaged)), 1 + seed % 7):
            damaged[at] = int(random.integers(0, 256))
        path = tmp_path / f"{number}"
        path.write_bytes(damaged)
        try:
            with path.open("rb") as file:
                images.probe(file, path.name)
            found = images.read_page(path, 0, "")
            assert found.samples.size > 0
        except ScanError:
            pass


@pytest.mark.parametrize("step", [1, 7])
def test_tiff_truncated_anywhere_is_never_a_picture_with_holes(tmp_path, step):
    whole = tiff_bytes(picture(24, 20), compression="lzw" if step == 1 else None, rowsperstrip=5)
    path = tmp_path / "t.tif"
    for keep in range(9, len(whole) - 1, step * 3):
        path.write_bytes(whole[:keep])
        with pytest.raises(CorruptImage):
            images.read_page(path, 0, "")


def test_jpeg_truncated_anywhere_is_never_a_picture_with_holes(tmp_path):
    whole = jpeg_bytes(picture(40, 40))
    path = tmp_path / "t.jpg"
    for keep in range(4, len(whole) - 1, 13):
        path.write_bytes(whole[:keep])
        with pytest.raises(CorruptImage):
            images.read_page(path, 0, "")


def test_stray_bytes_before_the_end_mark_cost_nothing(tmp_path):
    whole = jpeg_bytes(picture())
    path = tmp_path / "t.jpg"
    path.write_bytes(whole + b"what a camera appended")
    assert images.read_page(path, 0, "").notes == ()


def test_fill_bytes_between_tiff_strips_do_not_hide_an_overlap(tmp_path):
    entries = {
        256: (4, 1, 1000),
        257: (4, 1, 1000),
        258: (3, 1, 8),
        259: (3, 1, 8),
        262: (3, 1, 1),
        273: (4, 1000, 122),
        277: (3, 1, 1),
        278: (4, 1, 1),
        279: (4, 1000, 4122),
    }
    strip = struct.pack("<I", 8)
    tail = strip * 1000 + struct.pack("<I", 6000) * 1000
    path = tmp_path / "overlap.tif"
    path.write_bytes(raw_tiff(entries, tail=tail))
    with pytest.raises(CorruptImage, match="overlap"):
        images.read_page(path, 0, "")


def test_resolution_outside_the_file_costs_only_itself(tmp_path):
    blob = bytearray(tiff_bytes(picture(), resolution=(300, 300), resolutionunit="inch"))
    at = blob.index(struct.pack("<HHI", 282, 5, 1))
    blob[at + 8 : at + 12] = struct.pack("<I", 10**8)
    path = tmp_path / "r.tif"
    path.write_bytes(blob)
    found = images.read_page(path, 0, "")
    assert found.embedded.resolution is None
    assert np.array_equal(found.samples, picture())


def test_page_limit_and_unsupported_later_page_are_said(tmp_path):
    path = tmp_path / "two.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(picture(), photometric="rgb", metadata=None, contiguous=False)
        writer.write(np.ones((5, 5), np.float32), metadata=None, contiguous=False)
    with path.open("rb") as file, pytest.raises(UnsupportedImage, match="page 2"):
        images.probe(file, "two.tif")


def test_errors_name_the_file_and_what_to_do(tmp_path):
    path = tmp_path / "Überblick 7.tif"
    path.write_bytes(tiff_bytes(picture())[:-100])
    with pytest.raises(CorruptImage, match=r"Überblick 7\.tif.*Copy the file again"):
        images.read_page(path, 0, "")
    with path.open("rb") as file, pytest.raises(TooLarge, match=r"Überblick"):
        images.probe(file, "Überblick 7.tif", pixel_limit=10)

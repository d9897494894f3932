"""`albumen weights`: what a user sees and what a script can rely on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from checkpoints import NAMES, NARROW, SCRATCH, VAE, packed, save, state, unpacked, use_narrow
from cli import ask, ask_json
from file_server import FileServer, serving

from flows.exit_codes import ExitCode
from models.weights import build, load, table
from models.weights.published import KEPT, PUBLISHED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return use_narrow(monkeypatch, tmp_path / "weights")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return packed(unpacked(tmp_path / "Global"), tmp_path / "global_checkpoints.zip")


@pytest.fixture
def server(folder: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:  # noqa: ARG001
    """The table's own URL, on the loopback."""
    with serving(archive.read_bytes(), archive.name) as running:
        rows = tuple(replace(row, url=running.url) for row in NARROW)
        monkeypatch.setattr(table, "WEIGHTS", rows)
        yield running


def status_of(name: str) -> str:
    listed = ask_json("weights", "list")["weights"]
    return str(next(row["status"] for row in listed if row["name"] == name))


def test_list_shows_every_row_of_the_real_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path))
    listed = ask_json("weights", "list")
    assert listed["folder"] == str(tmp_path)
    assert [row["name"] for row in listed["weights"]] == [row.name for row in table.WEIGHTS]
    for row in listed["weights"]:
        assert row["status"] == ("embedded" if row["embedded"] else "missing"), row["name"]
        assert row["licence"]
        assert row["source"]
    shown = ask("weights", "list")
    assert shown.code == ExitCode.OK
    for row in table.WEIGHTS:
        (line,) = [line for line in shown.out.splitlines() if line.split()[:1] == [row.name]]
        assert row.network in line


def test_every_published_file_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/weights.md").read_text(encoding="utf-8")
    for row in (*PUBLISHED, *KEPT):
        assert f"| `{row.name}` | `{row.member}` |" in page
        assert f"| {row.parameters / 1e6:.1f} |" in page


@pytest.mark.usefixtures("folder")
def test_import_says_what_became_of_every_file(archive: Path) -> None:
    done = ask("weights", "import", archive)
    assert done.code == ExitCode.OK, done
    assert [line.split()[:2] for line in done.out.splitlines()] == [[n, "imported"] for n in NAMES]
    assert status_of(VAE) == "imported"
    # What the tests import is not what its authors published; `list` does not hide it.
    assert (
        f"\n{SCRATCH}: made from another file than the published one." in ask("weights", "list").out
    )
    again = ask_json("weights", "import", archive)
    assert {outcome["status"] for outcome in again} == {"present"}


@pytest.mark.usefixtures("folder")
def test_a_single_checkpoint_can_be_named(tmp_path: Path) -> None:
    path = save(VAE, tmp_path / "mine.pth")
    unnamed = ask("weights", "import", path)
    assert unnamed.code == ExitCode.ENVIRONMENT
    assert unnamed.err.startswith("albumen: mine.pth is not the path of a published file")
    assert ask("weights", "import", path, "--name", VAE).code == ExitCode.OK
    load(VAE, build(VAE))


@pytest.mark.usefixtures("folder")
def test_nothing_imported_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcomes = ask_json("weights", "import", tmp_path / "empty", code=ExitCode.ENVIRONMENT)
    assert {outcome["status"] for outcome in outcomes} == {"missing"}
    assert ask("weights", "import", tmp_path / "nowhere").code == ExitCode.ENVIRONMENT


@pytest.mark.usefixtures("folder")
def test_one_refused_file_shows_in_the_exit_code(tmp_path: Path) -> None:
    given = unpacked(tmp_path / "Global")
    save(VAE, given / "checkpoints/restoration/VAE_A_quality/latest_net_G.pth", state(VAE, width=8))
    done = ask("weights", "import", given)
    assert done.code == ExitCode.ENVIRONMENT
    (line,) = [line for line in done.out.splitlines() if line.startswith(VAE)]
    assert "refused" in line
    assert "encoder.1.weight is 8x3x7x7, not 4x3x7x7" in line
    assert status_of(SCRATCH) == "imported"
    assert status_of(VAE) == "missing"


@pytest.mark.usefixtures("folder")
def test_a_folder_that_cannot_be_written_is_one_line(
    archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path / "a file"))
    done = ask("weights", "import", archive)
    assert done.code == ExitCode.ENVIRONMENT
    assert done.err.count("\n") == 1
    assert "a file" in done.err


def test_fetch_downloads_imports_and_tidies_up(server: FileServer, folder: Path) -> None:
    done = ask("weights", "fetch")
    assert done.code == ExitCode.OK, done
    assert "global_checkpoints.zip: " in done.err
    for name in NAMES:
        load(name, build(name))
    assert list((folder / "downloads").iterdir()) == []
    again = ask("weights", "fetch")
    assert (again.code, again.out) == (ExitCode.OK, "All published weights are there.\n")
    assert len(server.asked) == 1


@pytest.mark.usefixtures("folder")
def test_fetch_does_not_keep_an_archive_that_is_none(
    server: FileServer,
) -> None:
    whole = server.content
    server.content = whole[:-5000]
    done = ask("weights", "fetch")
    assert done.code == ExitCode.ENVIRONMENT
    assert "cut off or damaged" in done.err
    assert status_of(VAE) == "missing"
    server.content = whole
    assert ask("weights", "fetch").code == ExitCode.OK


@pytest.mark.usefixtures("folder")
def test_fetch_keeps_what_it_had_to_refuse(server: FileServer, tmp_path: Path) -> None:
    spoilt = tmp_path / "Global/checkpoints/restoration/VAE_A_quality/latest_net_G.pth"
    save(VAE, spoilt, state(VAE, width=8))
    server.content = packed(tmp_path / "Global", tmp_path / "other.zip").read_bytes()
    done = ask("weights", "fetch")
    assert done.code == ExitCode.ENVIRONMENT
    assert "not 4x3x7x7" in done.out
    assert "global_checkpoints.zip is kept; delete it to download it again" in done.err
    assert ask("weights", "fetch").code == ExitCode.ENVIRONMENT
    assert len(server.asked) == 1


@pytest.mark.usefixtures("folder")
def test_fetch_says_when_the_file_is_gone(
    server: FileServer,
) -> None:
    server.status = 404
    done = ask("weights", "fetch")
    assert done.code == ExitCode.ENVIRONMENT
    assert "404 Not Found" in done.err
    assert "albumen weights import PATH" in done.err


def test_verify_finds_what_was_altered(folder: Path, archive: Path) -> None:
    assert ask_json("weights", "verify") == {"checked": [], "problems": {}}
    ask("weights", "import", archive)
    assert ask_json("weights", "verify") == {"checked": NAMES, "problems": {}}
    assert "All are as recorded." in ask("weights", "verify").out

    file = folder / f"{VAE}.safetensors"
    held = bytearray(file.read_bytes())
    held[-1] ^= 1
    file.write_bytes(held)
    found = ask_json("weights", "verify", code=ExitCode.DIFFERENCES)
    assert list(found["problems"]) == [VAE]
    assert "altered" in found["problems"][VAE]
    assert status_of(VAE) == "imported"  # its size has not changed, and `list` hashes nothing

    file.write_bytes(held[:-3])
    assert status_of(VAE) == "incomplete"
    assert "bytes, not" in ask("weights", "verify").out


@pytest.mark.usefixtures("folder")
def test_verify_holds_embedded_files_to_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = replace(NARROW[0], name="damage_lost", embedded=True, size=3, sha256="00")
    monkeypatch.setattr(table, "WEIGHTS", (lost,))
    monkeypatch.setattr(table, "EMBEDDED_FOLDER", tmp_path)
    found = ask_json("weights", "verify", code=ExitCode.DIFFERENCES)
    assert "install Albumen again" in found["problems"]["damage_lost"]
    assert status_of("damage_lost") == "missing"

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.recipe import Recipe
from tasks.records import Scan
from tasks.selection import Selection, read_list


def scan(path: str) -> Scan:
    return Scan(f"/scans/{path}", path, 1, 0, None)


SCANS = [scan(path) for path in ("a.tif", "b, c.tif", "box/d.jpg", "#e.tif", "new\nline.tif")]


def listed(tmp_path: Path, text: str | bytes) -> Selection:
    file = tmp_path / "list.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_list(file)


def test_a_catalogue_list(tmp_path: Path) -> None:
    selection = listed(
        tmp_path,
        "\ufeffPath, stages ,colorize,faces,#Accession\r\n"
        "a.tif,,,,1984.12\r\n"
        '"b, c.tif",damage,never,off,\r\n'
        "\r\n"
        "./box/d.jpg,color+damage,,DETECT,\r\n"
        '#e.tif,none,,,"two\nlines"\r\n'
        '"new\nline.tif","damage, faces",always,,\r\n',
    )
    base = Recipe(requested={"mode": "repair"})
    picked = {chosen.relative_path: recipe for chosen, recipe in selection.pick(iter(SCANS), base)}
    assert list(picked) == [s.relative_path for s in SCANS]
    assert picked["a.tif"] == base
    assert picked["b, c.tif"].stages == ("damage",)
    assert picked["b, c.tif"].colorize == "never" and picked["b, c.tif"].faces == "off"
    assert picked["box/d.jpg"].stages == ("damage", "color")
    assert picked["box/d.jpg"].faces == "detect"
    assert picked["#e.tif"].active_stages == ()
    assert picked["new\nline.tif"].colorize == "always"
    assert '"colorize":"never"' in picked["b, c.tif"].requested_json
    assert '"mode":"repair"' in picked["b, c.tif"].requested_json
    assert selection.stages == {"damage", "faces", "color"}
    assert selection.colorize == {"never", "always"}
    assert selection.missing == [] and not selection.is_whole


def test_unlisted_are_left_out_and_missing_are_reported(tmp_path: Path) -> None:
    selection = listed(tmp_path, "path\nbox/d.jpg\nbox/nonesuch.jpg\n")
    picked = [chosen.relative_path for chosen, _ in selection.pick(iter(SCANS), Recipe())]
    assert picked == ["box/d.jpg"]
    assert selection.missing == ["box/nonesuch.jpg"]


def test_unicode_forms_match(tmp_path: Path) -> None:
    selection = listed(tmp_path, "path\nCafe\u0301.tif\n")
    (picked,) = selection.pick([scan("Caf\u00e9.tif"), scan("Cafe.tif")], Recipe())
    assert picked[0].relative_path == "Caf\u00e9.tif"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: it must name the columns"),
        ("a.tif\nb.tif\n", "line 1: it must name the columns"),
        ("path,colourize\na.tif,never\n", "line 1: unknown column 'colourize'"),
        ("path,path\na,b\n", "line 1: a column is named twice"),
        ("path\n", "names no scan"),
        ("path,faces\na.tif\n", "line 2: 1 fields, but 2 columns"),
        ("path,faces\na.tif,off,x\n", "line 2: 3 fields"),
        ("path,faces\n\n\n,off\n", "line 4: the path is empty"),
        ("path\n/scans/a.tif\n", "line 2: '/scans/a.tif' must be a path below SOURCE"),
        ("path\ns3://b/a.tif\n", "line 2"),
        ("path\na.tif\nb.tif\na.tif\n", "line 4: 'a.tif' was listed before"),
        ("path\nCafe\u0301.tif\nCaf\u00e9.tif\n", "line 3"),
        ('path,faces\n"a\nb.tif",off\nc.tif,blur\n', "line 4: faces is one of off, detect"),
        ("path,colorize\na.tif,yes\n", "line 2: colorize is one of auto, always, never"),
        ("path,stages\na.tif,damage+scratches\n", "line 2: stages 'damage\\+scratches'"),
        ('path\n"a.tif\n', "not a CSV file"),
        (b"path\nCaf\xe9.tif\n", "not UTF-8"),
    ],
)
def test_bad_lists(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        listed(tmp_path, text)
    assert "list.csv" in str(raised.value) and "\n" not in str(raised.value)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_list(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="Is a directory"):
        read_list(tmp_path)


def test_sample_is_spread_stable_and_in_order() -> None:
    collection = [scan(f"box {n // 100:02d}/{n:04d}.tif") for n in range(2000)]
    picked = [chosen for chosen, _ in Selection(sample=200).pick(iter(collection), Recipe())]
    assert len(picked) == 200
    assert picked == sorted(picked, key=lambda chosen: chosen.relative_path)
    folders = {chosen.relative_path[:6] for chosen in picked}
    assert len(folders) == 20
    again = [chosen for chosen, _ in Selection(sample=200).pick(reversed(collection), Recipe())]
    assert set(again) == set(picked)
    more = [*collection, scan("box 99/new.tif")]
    later = {chosen for chosen, _ in Selection(sample=200).pick(more, Recipe())}
    assert len(later & set(picked)) >= 199
    few = [chosen for chosen, _ in Selection(sample=10).pick(collection[:3], Recipe())]
    assert few == collection[:3]


def test_sample_of_a_list(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("path\n" + "".join(f"{n}.tif\n" for n in range(50)))
    selection = read_list(file, sample=5)
    picked = [
        chosen for chosen, _ in selection.pick([scan(f"{n}.tif") for n in range(100)], Recipe())
    ]
    assert len(picked) == 5 and all(int(s.relative_path[:-4]) < 50 for s in picked)
    assert selection.missing == []

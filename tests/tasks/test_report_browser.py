"""The report as a reader meets it: in headless Chromium, from disk and from a server."""

import functools
import http.server
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import report_rows as rows_of
from browser import chromium, console, open_report, requested, wait
from report_files import on_disk
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tasks.report import PART_ROWS

HOSTILE = [
    '"><img src=x onerror=alert(1)>.jpg',
    "</script><script>alert(1)</script>.png",
    "line\nbreak.tif",
    "annual\u202efdp.tif",
    "100% #1? a&b=c+d;e 'f' \"g\".tif",
    "長崎 Église \U0001f4f7.tif",
    "  leading and trailing  .tif",
    "javascript:alert(1)",
    "%2e%2e%2fescaped.tif",
    "..",
    "map.before",
    "n" * 251 + ".tif",
]
WARM = (150, 110, 70)


def collection() -> list[dict[str, Any]]:
    rows = [rows_of.restored(f"album/{name}", colorized=True) for name in HOSTILE]
    rows += [
        rows_of.restored("b/0 flagged.tif", flags=["uneven <light>"], damaged_fraction_before=0.4),
        rows_of.restored("b/1 both.tif", flags=["uneven <light>", "torn"], psnr_outside_mask=31.0),
        rows_of.restored("b/2 clean.tif", status="unchanged", damaged_fraction_before=0.0,
                         outputs=[rows_of.output("preview", "previews/b/2 clean.tif.jpg")]),
        rows_of.restored("b/3 no preview left.tif"),
        rows_of.failed("c/<b>broken</b>.tif", flags=["torn"]),
        rows_of.failed("c/denied.tif", "SourceUnreadable"),
        rows_of.failed("c/deadly.tif", "WorkerDied", "quarantined"),
    ]  # fmt: skip
    return sorted(rows, key=lambda row: row["relative_path"])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    destination = tmp_path_factory.mktemp("destination")
    rows = collection()
    for row in rows:
        for one in row.get("outputs") or []:
            if one["kind"] == "preview" and "no preview left" not in one["path"]:
                rows_of.write_preview(destination, one["path"], WARM)
    runs = [{"run_sequence": 1, "started": "2026-03-01T22:00:00+00:00", "seconds": 60.0},
            {"run_sequence": 2, "started": "2026-03-02T22:00:00+00:00", "outcome": "<i>done</i>",
             "counts": {"restored": 12}, "note": "</td>"}]  # fmt: skip
    return on_disk(destination, [rows_of.batch(rows)], title="Prints & <plates>",
                   run_summaries=runs, ignored={".txt": 3, ".<b>": 1})  # fmt: skip


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def opened(driver: Any, page: Path) -> Any:
    open_report(driver, page)
    return driver


def shown(driver: Any) -> list[str]:
    wait(driver, "return !document.querySelector('#grid').hasAttribute('aria-busy')")
    return [
        card.get_attribute("data-row") for card in driver.find_elements(By.CSS_SELECTOR, ".card")
    ]


def choose(driver: Any, field: str, value: str, count: int) -> list[str]:
    """Choose in a filter and wait until the list says `count`; the rows then shown."""
    Select(driver.find_element(By.ID, f"by-{field}")).select_by_value(value)
    return found(driver, count)


def found(driver: Any, count: int) -> list[str]:
    text = f"{count:,} photograph{'' if count == 1 else 's'}" if count else "Nothing matches."
    wait(driver, f"return document.querySelector('#found').textContent.startsWith('{text}')")
    return shown(driver)


def row_of(path: str) -> str:
    return str([row["relative_path"] for row in collection()].index(path))


def show_all_pictures(driver: Any) -> None:
    driver.execute_script(
        "document.querySelectorAll('img').forEach((i) => { i.loading = 'eager'; })"
    )
    wait(driver, "return [...document.querySelectorAll('.card img')].every((i) => i.complete)")


def test_opens_from_disk_without_complaint_or_outside_request(driver: Any, page: Path) -> None:
    requested(driver), console(driver)
    open_report(driver, page)
    destination = page.parent.parent.as_uri()
    asked = requested(driver)
    assert any(url.endswith("report/index.html") for url in asked)
    assert [url for url in asked if not url.startswith(destination)] == []
    assert [line for line in console(driver) if "no%20preview%20left" not in line] == []
    assert not driver.find_element(By.ID, "trouble").is_displayed()


def test_totals_runs_and_what_was_no_image(opened: Any) -> None:
    assert opened.find_element(By.ID, "title").text == "Prints & <plates>"
    tiles = {
        tile.get_attribute("data-status"): tile.find_element(By.CLASS_NAME, "number").text
        for tile in opened.find_elements(By.CSS_SELECTOR, ".tile button")
    }
    assert tiles == {
        "restored": "15",
        "unchanged": "1",
        "skipped": "0",
        "failed": "2",
        "quarantined": "1",
        "withdrawn": "0",
    }
    assert opened.find_element(By.ID, "ignored").text.split("\n")[1:] == [
        "4 other files in the source, left where they are:", ".txt", "3", ".<b>", "1",
    ]  # fmt: skip
    runs = [line.text for line in opened.find_elements(By.CSS_SELECTOR, "#run-list tbody tr")]
    assert runs[0].startswith("2\n2026-03-02 22:00 UTC") and "<i>done</i>" in runs[0]
    assert runs[1].startswith("1\n2026-03-01 22:00 UTC")
    charts = {c.get_attribute("data-chart") for c in opened.find_elements(By.CLASS_NAME, "chart")}
    assert {"damaged", "changed", "psnr", "noise", "sharpness", "seconds_damage"} <= charts


def test_filters_by_status_flag_and_text(opened: Any) -> None:
    rows = [row["relative_path"] for row in collection()]
    assert choose(opened, "status", "failed", 2) == [
        row_of("c/<b>broken</b>.tif"),
        row_of("c/denied.tif"),
    ]
    assert choose(opened, "flag", "torn", 1) == [row_of("c/<b>broken</b>.tif")]
    assert choose(opened, "status", "", 2) == [
        row_of("b/1 both.tif"),
        row_of("c/<b>broken</b>.tif"),
    ]
    assert choose(opened, "flag", "uneven <light>", 2) == [
        row_of("b/0 flagged.tif"), row_of("b/1 both.tif"),
    ]  # fmt: skip
    assert choose(opened, "status", "quarantined", 0) == []
    opened.find_element(By.ID, "reset").click()
    assert found(opened, len(rows)) == [str(n) for n in range(len(rows))]
    box = opened.find_element(By.ID, "by-text")
    for text, path in [("B/0 FLAGGED", "b/0 flagged.tif"), ("e\u0301glise", f"album/{HOSTILE[5]}"),
                       ("<SCRIPT>", f"album/{HOSTILE[1]}")]:  # fmt: skip
        box.clear()
        box.send_keys(text)
        first = f"document.querySelector('.card')?.dataset.row === '{row_of(path)}'"
        wait(opened, f"return {first}")
        assert found(opened, 1) == [row_of(path)]


def test_order_puts_the_asked_for_first_and_the_unknown_last(opened: Any) -> None:
    count = len(collection())
    order = choose(opened, "sort", "damaged_fraction_before", count)
    wait(
        opened,
        f"return document.querySelector('.card').dataset.row === '{row_of('b/0 flagged.tif')}'",
    )
    order = shown(opened)
    assert order[-4] == row_of("b/2 clean.tif")
    assert order[-3:] == sorted(
        (row_of(f"c/{n}.tif") for n in ("<b>broken</b>", "denied", "deadly")), key=int
    )
    choose(opened, "sort", "psnr_outside_mask", count)
    wait(
        opened, f"return document.querySelector('.card').dataset.row === '{row_of('b/1 both.tif')}'"
    )


def test_totals_flags_and_reasons_lead_to_their_photographs(opened: Any) -> None:
    for selector, rows in [
        ("[data-status=quarantined]", ["c/deadly.tif"]),
        ('[data-flag="torn"]', ["b/1 both.tif", "c/<b>broken</b>.tif"]),
        ("[data-error=SourceUnreadable]", ["c/denied.tif"]),
    ]:
        opened.execute_script("document.querySelector(arguments[0]).click()", selector)
        assert found(opened, len(rows)) == [row_of(path) for path in rows]


def test_the_divider_moves_by_keyboard_and_says_where_it_is(opened: Any) -> None:
    card = opened.find_element(By.CSS_SELECTOR, ".card.restored")
    divider = card.find_element(By.CLASS_NAME, "divider")
    over = card.find_element(By.CLASS_NAME, "over")
    frame = card.find_element(By.CLASS_NAME, "frame").rect["width"]

    def cut() -> float:
        return opened.execute_script(
            "const left = (one) => one.getBoundingClientRect().left;"
            "const line = arguments[0].parentElement.querySelector('.line');"
            "return left(line) + 1 - left(arguments[0])",
            over,
        )

    assert cut() == pytest.approx(frame / 2, abs=1)
    divider.send_keys(Keys.ARROW_RIGHT * 10)
    assert divider.get_attribute("aria-valuetext") == "60 % before, 40 % restored"
    assert cut() == pytest.approx(frame * 0.6, abs=1)
    assert "before and restored" in divider.get_attribute("aria-label").lower()
    divider.send_keys(Keys.HOME)
    assert cut() == pytest.approx(0, abs=1)
    divider.send_keys(Keys.END)
    assert cut() == pytest.approx(frame, abs=1)
    clip = opened.execute_script("return getComputedStyle(arguments[0]).clipPath", over)
    assert "100%" in clip


def test_every_preview_loads_whatever_its_name(opened: Any) -> None:
    show_all_pictures(opened)
    sizes = opened.execute_script(
        "return [...document.querySelectorAll('.card img')].map((i) => [i.src, i.naturalWidth])"
    )
    assert len(sizes) == 2 * (len(HOSTILE) + 2) + 1
    assert [source for source, width in sizes if width != 64] == []
    notes = [note.text for note in opened.find_elements(By.CSS_SELECTOR, ".frame.empty")]
    assert notes.count("No preview") == 3
    assert [note for note in notes if "missing" in note and "b/3 no preview left.tif" in note]


def test_hostile_names_are_shown_and_never_run(opened: Any) -> None:
    unseen = {"\n": "U+000A", "\u202e": "U+202E"}
    names = opened.execute_script(
        "return [...document.querySelectorAll('.card h3 bdi')].map((name) => name.textContent)"
    )
    last = ["".join(unseen.get(sign, sign) for sign in row["relative_path"].rpartition("/")[2])
            for row in collection()]  # fmt: skip
    assert names == last
    assert opened.find_elements(By.CSS_SELECTOR, "img[src=x], .card script, .card b, td i") == []
    # an alert would have made every call since then fail; and markup cannot get in at all
    for attempt in (
        "document.body.insertAdjacentHTML('beforeend', '<b>in</b>')",
        "document.createElement('img').setAttribute('onerror', 'alert(1)')",
        "document.createElement('script').src = 'data/rows-00000.js'",
    ):
        refused = opened.execute_script(
            f"try {{ {attempt}; return false }} catch (error) {{ return error.name }}"
        )
        assert refused == "TypeError", attempt
    console(opened)


def test_details_tell_all_and_link_to_real_files(opened: Any, page: Path) -> None:
    path = f"album/{HOSTILE[4]}"
    row = next(row for row in collection() if row["relative_path"] == path)
    card = f".card[data-row='{row_of(path)}'] .open"
    opened.execute_script("document.querySelector(arguments[0]).click()", card)
    wait(opened, "return document.querySelector('dialog[open]')")
    dialog = opened.find_element(By.ID, "details")
    text = dialog.text
    assert HOSTILE[4] in text and row["source_sha256"] in text and "0.8 s" in text
    for one in row["outputs"]:
        assert one["sha256"] in text
    links = [link.get_attribute("href") for link in dialog.find_elements(By.TAG_NAME, "a")]
    base = page.parent.parent.as_uri() + "/"
    assert [urllib.parse.unquote(link.removeprefix(base)) for link in links] == [
        one["path"] for one in row["outputs"]
    ]
    previews = [link for link in links if "/previews/" in link]
    assert all(
        Path(urllib.parse.unquote(link.removeprefix("file://"))).is_file() for link in previews
    )

    choices = dialog.find_elements(By.CSS_SELECTOR, ".switcher span")
    assert [one.text for one in choices] == [
        "Before \u2013 restored", "Before \u2013 colorized", "Restored \u2013 colorized",
    ]  # fmt: skip
    choices[2].click()
    wait(opened, "return document.querySelector('dialog .over').alt.startsWith('Colorized')")
    dialog.find_element(By.XPATH, ".//button[text()='Next']").click()
    following = collection()[int(row_of(path)) + 1]["relative_path"].rpartition("/")[2]
    wait(opened, f"return document.querySelector('dialog h2').textContent !== {HOSTILE[4]!r}")
    assert following.strip() in opened.find_element(By.ID, "details-title").text
    dialog.send_keys(Keys.ESCAPE)
    wait(opened, "return !document.querySelector('dialog[open]')")


def test_what_was_not_restored_is_listed_with_its_reason(opened: Any) -> None:
    lines = [line.text for line in opened.find_elements(By.CSS_SELECTOR, "#problem-table tbody tr")]
    assert len(lines) == 3
    assert "c/<b>broken</b>.tif" in lines[0] and "CorruptImage" in lines[0]
    assert rows_of.ERRORS["CorruptImage"] in lines[0] and "left out" in lines[0]
    assert "Quarantined" in lines[1] and "WorkerDied" in lines[1]
    assert "tried again" in lines[2]


def test_explanations_open_by_keyboard_and_close_with_escape(opened: Any) -> None:
    hint = opened.find_element(By.CSS_SELECTOR, "#asides .hint")
    opened.execute_script("arguments[0].focus()", hint)
    bubble = opened.find_element(By.ID, "hint")
    wait(opened, "return document.activeElement.className === 'hint'")
    assert bubble.is_displayed() and "person to check" in bubble.text
    assert hint.get_attribute("aria-describedby") == "hint"
    hint.send_keys(Keys.ESCAPE)
    assert not bubble.is_displayed()


def test_fits_a_phone(driver: Any, page: Path) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        open_report(driver, page)
        width = "return document.documentElement.scrollWidth"
        assert driver.execute_script(width) == 360
        driver.execute_script("document.querySelector('.card.restored .open').click()")
        wait(driver, "return document.querySelector('dialog[open]')")
        assert driver.execute_script("return document.querySelector('dialog').scrollWidth") <= 360
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four parts; the only torn photograph and the only failure are in the third."""
    rows = [rows_of.restored(f"{n:05d}.tif", outputs=[]) for n in range(3 * PART_ROWS + 10)]
    rows[2 * PART_ROWS + 5]["flags"] = ["torn"]
    rows[2 * PART_ROWS + 6] = rows_of.failed(f"{2 * PART_ROWS + 6:05d}.tif")
    return on_disk(tmp_path_factory.mktemp("large"), [rows_of.batch(rows)])


def parts_asked(driver: Any) -> list[str]:
    names = [
        url.rpartition("/")[2].partition(".js")[0] for url in requested(driver) if "/data/" in url
    ]
    return sorted(name for name in names if name.startswith(("rows", "details")))


def test_only_parts_in_view_are_loaded(driver: Any, large: Path) -> None:
    requested(driver)
    open_report(driver, large)
    assert parts_asked(driver) == ["rows-00000", "rows-00002"]  # the failure's, for its table
    assert choose(driver, "flag", "torn", 1) == [str(2 * PART_ROWS + 5)]
    assert parts_asked(driver) == []
    choose(driver, "flag", "", 3 * PART_ROWS + 10)
    field = driver.find_element(By.CSS_SELECTOR, "#browse .pager input")
    field.clear()
    field.send_keys("9999", Keys.ENTER)
    wait(
        driver,
        f"return document.querySelector('.card:last-child')?.dataset.row === '{3 * PART_ROWS + 9}'",
    )
    assert parts_asked(driver) == ["rows-00003"]
    driver.execute_script("document.querySelector('.card:last-child .open').click()")
    wait(driver, "return document.querySelector('dialog[open]')")
    assert parts_asked(driver) == ["details-00003"]


def test_a_missing_part_is_said_aloud(driver: Any, large: Path, tmp_path: Path) -> None:
    destination = tmp_path / "copy"
    for file in large.parent.rglob("*"):
        if file.is_file() and file.name != "rows-00003.js":
            target = destination / file.relative_to(large.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    open_report(driver, destination / "index.html")
    assert not driver.find_element(By.ID, "trouble").is_displayed()
    driver.find_element(By.CSS_SELECTOR, "#browse [aria-label='Last page']").click()
    wait(driver, "return !document.querySelector('#trouble').hidden")
    assert "data/rows-00003.js" in driver.find_element(By.ID, "trouble").text
    (destination / "data" / "summary.js").unlink()
    driver.get((destination / "index.html").as_uri())
    wait(driver, "return !document.querySelector('#trouble').hidden")
    assert "summary.js is missing" in driver.find_element(By.ID, "trouble").text
    console(driver)


def test_an_empty_report_opens(driver: Any, tmp_path: Path) -> None:
    console(driver)
    open_report(driver, on_disk(tmp_path, []))
    assert found(driver, 0) == []
    assert "Every scan could be processed" in driver.find_element(By.ID, "problems").text
    assert console(driver) == []


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_works_from_a_server_as_from_a_bucket(driver: Any, page: Path) -> None:
    handler = functools.partial(_Quiet, directory=str(page.parent.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            origin = f"http://127.0.0.1:{server.server_port}/"
            requested(driver), console(driver)
            open_report(driver, f"{origin}report/index.html")
            show_all_pictures(driver)
            widths = driver.execute_script(
                "return [...document.querySelectorAll('.card img')].map((i) => i.naturalWidth)"
            )
            assert widths == [64] * (2 * (len(HOSTILE) + 2) + 1)
            asked = requested(driver)
            assert [url for url in asked if not url.startswith(origin)] == []
            complaints = [line for line in console(driver) if "no%20preview%20left" not in line]
            assert [line for line in complaints if "favicon" not in line] == []
        finally:
            driver.get("about:blank")
            server.shutdown()

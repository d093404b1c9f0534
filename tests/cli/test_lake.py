"""`hmmr lake` as it is typed."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from storage.commit import commit_shard
from storage.example_rows import WHEN, shard, source_name, tracklet_row, video_row
from storage.labels.key import Recipe, Stage
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.tables import rows_to_table

SOURCES = [source_name(i) for i in range(3)]


@pytest.fixture
def root(tmp_path: Path) -> str:
    lake = Lake(tmp_path / "lake")
    ledger = Ledger.open(lake.root)
    ledger.ask(Item(source, "films.test") for source in SOURCES)
    ledger.claim("w", limit=3)
    commit_shard(lake, ledger, "w", shard(SOURCES), {source: Finished("k1", 2) for source in SOURCES})
    return lake.root


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["lake", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_stats_for_people_and_machines(root: str) -> None:
    assert "6 tracklets" in run("stats", "--lake", root)
    assert json.loads(run("stats", "--lake", root, "--json"))["books"]["done"] == 3


def test_stats_show_label_versions_as_labels_does(tmp_path: Path) -> None:
    lake, recipe = Lake(tmp_path / "lake"), Recipe((Stage("pose", "2", {"net": "full"}, {}),), code="c0de")
    key = recipe.label_key("content")
    lake.append("videos", rows_to_table("videos", [video_row(SOURCES[0], recipe=recipe.to_json(), label_key=key)]))
    lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(SOURCES[0], label_key=key)]))
    said, listed = run("stats", "--lake", lake.root), run("labels", "--lake", lake.root)
    assert "1 tracklet, 1 track of people, 1 source, 30 frames" in said
    assert "1 tracklet, 0.000 h, 1 video," in listed
    assert f" {listed.split()[0]} " in said
    assert listed.split()[0] == recipe.digest[:12]


HOSTILE = "[bold]x[/nope]\x1b[31m\x9b2J"


def test_what_strangers_wrote_is_only_words(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path / "lake"), shard([source_name(0)])
    strange = {"tracklets": ("licence", "backend", "preset"), "rejects": ("reason",), "videos": ("host", "licence")}
    for name, table in rows.items():
        hostile = dict.fromkeys(strange.get(name, ()), HOSTILE)
        if name == "videos":
            hostile["stage_seconds"] = json.dumps({HOSTILE: {HOSTILE: 1.0}})
        lake.append(name, rows_to_table(name, [{**row, **hostile} for row in table.to_pylist()]))
    tracklet = rows["tracklets"]["tracklet_id"][0].as_py()
    for words in (("stats",), ("labels",), ("why", tracklet), ("snapshot", "list"), ("reconcile", "--check")):
        said = run(*words, "--lake", lake.root)
        assert "\x1b" not in said
        assert "\x9b" not in said
    assert "[bold]x[/nope]" in run("stats", "--lake", lake.root)
    assert json.loads(run("why", tracklet, "--lake", lake.root))["tracklet"]["backend"] == HOSTILE


def test_an_empty_name_is_not_looked_for(root: str) -> None:
    assert "an empty name is in every file" in run("search", "", "--lake", root, code=2)


def test_why(root: str) -> None:
    tracklet = str(tracklet_row(SOURCES[0])["tracklet_id"])
    assert json.loads(run("why", tracklet, "--lake", root))["tracklet"]["tracklet_id"] == tracklet
    assert "0 tracklets" in run("why", "ffffffffff", "--lake", root, code=2)
    assert "8 or more digits of a tracklet's id" in run("why", tracklet[:7], "--lake", root, code=2)


def test_why_of_a_video_lists_its_tracklets(root: str) -> None:
    url = str(video_row(SOURCES[0])["url"])
    for name in (SOURCES[0], SOURCES[0][:8], url):
        said = run("why", name, "--lake", root).splitlines()
        assert said[0] == f"{SOURCES[0]}: 2 tracklets"
        ids = [str(tracklet_row(SOURCES[0], person)["tracklet_id"]) for person in (0, 1)]
        assert said[1:] == [f"{each}  30 frames, 1.20 s, shot 0, person {i}" for i, each in enumerate(ids)]
    Lake(root).append("videos", rows_to_table("videos", [video_row(source_name(7), url="still.mp4")]))
    assert "no tracklets" in run("why", "still.mp4", "--lake", root)


def test_reconcile_ends_zero_only_if_the_books_balance(root: str) -> None:
    assert "asked 3 = done 3 + rejected 0" in run("reconcile", "--lake", root)
    Lake(root).append("tracklets", shard(SOURCES[:1])["tracklets"])
    assert "problems: " in run("reconcile", "--lake", root, code=1)


def test_freeze_list_export_verify(root: str, tmp_path: Path) -> None:
    digest = run("snapshot", "freeze", "--lake", root, "--tag", "walk", "--licence", "open").split()[0]
    assert run("snapshot", "freeze", "--lake", root).split()[0] == digest
    assert digest in run("snapshot", "list", "--lake", root)
    run("snapshot", "export", digest[:12], "--out", str(tmp_path / "out"), "--lake", root)
    assert "as it was exported" in run("snapshot", "verify", str(tmp_path / "out"))
    (tmp_path / "out" / "README.md").write_text("x")
    assert "README.md: changed" in run("snapshot", "verify", str(tmp_path / "out"), code=1)
    run("snapshot", "export", digest, "--out", str(tmp_path / "v"), "--lake", root, "--format", "humandata")
    assert "none of dataset" in run("snapshot", "export", digest, "--out", "x", "--lake", root, "--format", "y", code=2)


@pytest.mark.parametrize(
    "words", [("--tag", "jmup"), ("--tag", "wal"), ("--licence", "closed"), ("--min-score", "0.9")]
)
def test_a_selection_of_nothing_is_not_frozen(root: str, words: tuple[str, str]) -> None:
    sworn = tracklet_row(SOURCES[0], 2, licence="vouched 2026-01-01", tags=["jump", "spin"])
    Lake(root).append("tracklets", rows_to_table("tracklets", [sworn]))
    said = run("snapshot", "freeze", "--lake", root, *words, code=2)
    assert "error: no tracklet matches; there are the tags jump, spin, walk; the licence classes open, vouched" in said
    assert run("snapshot", "list", "--lake", root) == ""


def test_hours_that_no_source_fits_into_are_not_frozen(root: str) -> None:
    said = run("snapshot", "freeze", "--lake", root, "--hours", "0.0001", code=2)
    assert "of 0.002 h that match, --hours takes nothing" in said
    assert run("snapshot", "list", "--lake", root) == ""


def test_an_empty_lake_is_not_frozen(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.append("videos", rows_to_table("videos", [video_row(SOURCES[0])]))
    assert "has no tracklets" in run("snapshot", "freeze", "--lake", lake.root, code=2)


def test_label_versions_are_listed_and_an_older_one_is_frozen(root: str) -> None:
    newer = tracklet_row(SOURCES[0], label_key="k2-of-the-same", committed_at=WHEN + timedelta(hours=1))
    Lake(root).append("tracklets", rows_to_table("tracklets", [newer]))
    listed = run("labels", "--lake", root)
    assert listed.index("k1") < listed.index("k2-of-the-s")
    assert "6 tracklets, 0.002 h, 3 videos, the newest labels of 2 of them" in " ".join(listed.split())
    assert [row["tracklets"] for row in json.loads(run("labels", "--lake", root, "--json"))] == [6, 1]
    assert "5 tracklets, 3 sources" in run("snapshot", "freeze", "--lake", root)
    assert "6 tracklets, 3 sources" in run("snapshot", "freeze", "--lake", root, "--labels", "k1")
    assert "1 tracklet, 1 source," in run("snapshot", "freeze", "--lake", root, "--labels", "k2-of-th")
    said = run("snapshot", "freeze", "--lake", root, "--labels", "0123456789", code=2)
    assert "has no labels '0123456789'; there are: k1" in said


def test_erase_says_what_it_did(root: str) -> None:
    receipt = json.loads(run("erase", SOURCES[0], "--lake", root, "--yes", "--json"))
    assert receipt["rows"]["tracklets"] == 2
    assert Path(receipt["path"]).exists()
    assert run("search", SOURCES[0], "--lake", root) == ""
    assert SOURCES[1] in run("search", SOURCES[1], "--lake", root, code=1)
    assert "asked 3 = done 2" in run("reconcile", "--lake", root)
    assert "nothing of source unknown is in" in run("erase", "unknown", "--lake", root, "--yes", code=2)
    assert "name a source" in run("erase", "--lake", root, code=2)


def test_compact_upgrade_schema(root: str) -> None:
    run("compact", "--lake", root)
    assert "up to date" in run("upgrade", "--lake", root)
    assert "## tracklets" in run("schema")


def test_a_lake_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "no lake at" in run("stats", "--lake", str(tmp_path / "none"), code=2)


def test_the_lake_comes_from_the_environment(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMMR_LAKE", root)
    assert "6 tracklets" in run("stats")


ANSWERS = {"there": 200, "gone": 404, "removed": 410, "moved": 302, "shy": 403, "busy": 503}


class _Host(BaseHTTPRequestHandler):
    """Answers as the path's first letters say; notes what it was asked."""

    asked: list[str]

    def do_HEAD(self) -> None:
        name = self.path.strip("/")
        type(self).asked.append(name)
        self.send_response(ANSWERS[name])
        self.send_header("Location", "/gone")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def host() -> Iterator[str]:
    _Host.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_probe_of_a_real_server_makes_the_curve_fall(tmp_path: Path, host: str) -> None:
    lake = Lake(tmp_path / "lake")
    rows = [video_row(source_name(i), url=f"{host}/{name}") for i, name in enumerate(ANSWERS)]
    lake.append("videos", rows_to_table("videos", [*rows, video_row(source_name(9), url="local.mp4")]))
    assert "0 sources asked" in run("probe", "--lake", lake.root, "--limit", "0")
    assert "2 sources asked" in run("probe", "--lake", lake.root, "--limit", "2")
    assert _Host.asked == [], "a private host is asked only where the user says so"
    assert "6 sources asked" in run("probe", "--lake", lake.root, "--allow-private")
    assert sorted(_Host.asked) == sorted([*ANSWERS, "gone"])
    names = {row["source_id"]: row["url"].rsplit("/", 1)[-1] for row in rows}
    probes = lake.read("probes").sort_by("probed_at").to_pylist()[2:]
    assert {names[row["source_id"]] for row in probes if not row["alive"]} == {"gone", "removed", "moved"}
    assert "of the sources are left" in run("stats", "--lake", lake.root)
    assert "3 sources asked" in run("probe", "--lake", lake.root, "--allow-private")


@pytest.mark.parametrize("words", [("--hours", "nan"), ("--hours", "-1"), ("--hours", "inf"), ("--min-score", "nan")])
def test_a_selection_by_no_number_is_refused(root: str, words: tuple[str, str]) -> None:
    result = CliRunner().invoke(app, ["lake", "snapshot", "freeze", *words, "--lake", root])
    assert result.exit_code in (1, 2)
    assert "number" in result.output or "greater than or equal to 0" in result.output
    assert run("snapshot", "list", "--lake", root) == ""


def test_a_damaged_snapshot_hides_no_other(root: str, tmp_path: Path) -> None:
    digest = run("snapshot", "freeze", "--lake", root).split()[0]
    Path(Lake(root).layout.snapshot("d" * 64)).write_text("{")
    listed = run("snapshot", "list", "--lake", root)
    assert f"snapshot {'d' * 64} of {root} is damaged" in listed
    assert f"{digest}  " in listed
    (tmp_path / "file").write_text("x")
    said = run("snapshot", "export", digest, "--out", str(tmp_path / "file" / "x"), "--lake", root, code=2)
    assert "error: " in said

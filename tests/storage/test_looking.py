"""Looking into a lake: stats, why, survival, the schema page, upgrades."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from storage.commit import commit_shard
from storage.errors import LakeError, SchemaTooNew, SchemaTooOld
from storage.example_rows import WHEN, reject_row, shard, shot_row, source_name, tracklet_row, video_row
from storage.labels.key import Recipe, Stage
from storage.lake import Lake
from storage.ledger.items import Finished, Item
from storage.ledger.ledger import Ledger
from storage.schema import SCHEMA_VERSION, TABLES, schema_markdown
from storage.snapshot import freeze
from storage.stats import stats
from storage.survival import Step, probe, product_limit, survival
from storage.tables import rows_to_table
from storage.upgrade import upgrade
from storage.why import why

SOURCES = [source_name(i) for i in range(4)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    ledger = Ledger.open(lake.root)
    ledger.ask([*(Item(s, "films.test", evidence_url(s)) for s in SOURCES), Item("nobody", "films.test")])
    ledger.claim("w", limit=5)
    ledger.note_evidence(SOURCES[0], {"licence": "CC BY", "seen": "2026-01-01"})
    ledger.reject("nobody", "w", "licence_unknown")
    commit_shard(lake, ledger, "w", shard(SOURCES), {s: Finished("k1", 2) for s in SOURCES})
    return lake


def evidence_url(source: str) -> str:
    return str(video_row(source)["url"])


def test_stats_count_what_is_there(lake: Lake) -> None:
    counted = stats(lake, Ledger.open(lake.root))
    assert (counted.total.tracklets, counted.total.sources, counted.people, counted.frames) == (8, 4, 8, 240)
    assert counted.total.hours == pytest.approx(8 * 1.2 / 3600)
    assert counted.by["host"]["films.test"].tracklets == 8
    assert counted.by["licence"]["open"].sources == 4
    assert counted.rejects == {"too_short": 4}
    assert counted.item_reasons == {"licence_unknown": 1}
    assert counted.funnel == {
        "asked": 5, "done": 4, "videos": 4, "shots": 4, "stretches rejected": 4, "tracks kept": 8, "tracklets": 8,
    }  # fmt: skip
    assert counted.seconds_per_1000["decode"]["cpu"] == pytest.approx(4 * 0.1 / 8 * 1000)
    assert counted.seconds_per_1000["total"] == {"wall": pytest.approx(50), "cpu": pytest.approx(50), "gpu": 0.0}
    assert counted.files["tracklets"] == 1


def test_a_source_that_is_labelled_again_counts_once(lake: Lake) -> None:
    before = stats(lake)
    later = {"label_key": "k2", "committed_at": WHEN + timedelta(hours=1)}
    seconds = {"stage_seconds": '{"pose": {"wall": 1.0, "cpu": 2.0, "gpu": 3.0}}'}
    lake.append("videos", rows_to_table("videos", [video_row(s, **later, **seconds) for s in SOURCES[:2]]))
    lake.append("shots", rows_to_table("shots", [shot_row(s, label_key="k2") for s in SOURCES[:2]]))
    lake.append("rejects", rows_to_table("rejects", [reject_row(SOURCES[0], label_key="k2", reason="still")]))
    lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(SOURCES[1], **later)]))
    now = stats(lake)
    assert (now.total.sources, now.total.tracklets, now.older) == (3, 2 + 2 + 1, 4), "one now keeps nothing, one less"
    assert now.rejects == {"too_short": 2, "still": 1}
    assert (now.funnel["videos"], now.funnel["shots"]) == (before.funnel["videos"], before.funnel["shots"]) == (4, 4)
    assert {key: group.tracklets for key, group in now.by["labels"].items()} == {"k1": 8, "k2": 1}
    assert now.seconds_per_1000["total"]["gpu"] == pytest.approx(2 * 3.0 / 5 * 1000)
    assert len(freeze(lake)) == 5


def test_videos_of_one_recipe_are_one_label_version(lake: Lake) -> None:
    recipe = Recipe((Stage("pose", "2", {"net": "full"}, {}),), code="c0de")
    for source in (source_name(8), source_name(9)):
        key = recipe.label_key(source)
        lake.append("videos", rows_to_table("videos", [video_row(source, recipe=recipe.to_json(), label_key=key)]))
        lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source, label_key=key)]))
    assert {key: group.sources for key, group in stats(lake).by["labels"].items()} == {"k1": 4, recipe.digest: 2}


def test_stats_of_nothing(tmp_path: Path) -> None:
    assert stats(Lake(tmp_path)).total.tracklets == 0


def test_why_prints_the_chain(lake: Lake) -> None:
    source = source_name(9)
    recipe = Recipe((Stage("pose", "2", {"net": "full"}, {"pose.tflite": "ab" * 32}),), code="c0de")
    key = recipe.label_key("content")
    lake.append("videos", rows_to_table("videos", [video_row(source, recipe=recipe.to_json(), label_key=key)]))
    lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source, label_key=key)]))
    tracklet = str(tracklet_row(source, label_key=key)["tracklet_id"])
    chain = why(lake, tracklet[:8])
    assert chain["tracklet"]["source_id"] == source
    assert chain["video"]["recipe"]["stages"][0]["weights"] == {"pose.tflite": "ab" * 32}
    assert chain["video"]["recipe"]["code"] == "c0de"
    first = why(lake, str(tracklet_row(SOURCES[0])["tracklet_id"]), Ledger.open(lake.root))
    assert first["ledger"]["evidence"]["licence"] == "CC BY"
    assert first["shot"]["n_tracks"] == 2
    assert first["features"] == [{"phi_name": "keypoints", "phi_dim": 8}]
    assert first["rejected_beside_it"][0]["measured"] == 5.0
    json.dumps(chain, default=str)
    with pytest.raises(LakeError, match="0 tracklets"):
        why(lake, "f" * 32)


def test_the_product_limit_of_a_textbook() -> None:
    # Kaplan and Meier's estimator on remission times of the 6-MP group (Freireich et al. 1963), as in every textbook.
    died = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    steps = product_limit([*((float(d), True) for d in died), *((float(d), False) for d in censored)])
    assert [step.days for step in steps] == [6, 7, 10, 13, 16, 22, 23]
    assert [step.at_risk for step in steps] == [21, 17, 15, 12, 11, 7, 6]
    shares = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert [step.share for step in steps] == pytest.approx(shares, abs=5e-4)


def test_probes_make_a_survival_curve(lake: Lake) -> None:
    gone = SOURCES[0]
    asked = probe(lake, [(s, evidence_url(s)) for s in SOURCES[:2]], lambda url: (evidence_url(gone) != url, "x"))
    assert asked == 2
    later = [{"source_id": SOURCES[2], "probed_at": WHEN + timedelta(days=1), "alive": False, "answer": "404"}]
    lake.append("probes", rows_to_table("probes", later))
    steps = survival(lake)
    assert steps[0] == Step(1.0, pytest.approx(2 / 3), 3)
    assert len(steps) == 2


def test_the_schema_page_is_the_schema() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "schema.md"
    assert page.read_text() == schema_markdown()


def test_every_column_of_every_table_has_a_meaning() -> None:
    for name, schema in TABLES.items():
        for field in schema:
            assert (field.metadata or {}).get(b"meaning"), f"{name}.{field.name}"


def write_version_1(root: Path) -> None:
    old = pa.schema([field for field in TABLES["videos"] if field.name != "recipe"])
    table = rows_to_table("videos", [video_row(source_name(0))]).select(old.names).cast(old)
    config = {"hmmr.schema_version": "1"}
    DeltaTable.create(root / "videos", old, configuration=config, raise_if_key_not_exists=False)
    write_deltalake(root / "videos", table, mode="append")


def test_an_older_lake_names_the_command_and_the_command_works(tmp_path: Path) -> None:
    write_version_1(tmp_path)
    lake = Lake(tmp_path)
    with pytest.raises(SchemaTooOld, match=f"hmmr lake upgrade --lake {tmp_path}"):
        lake.read("videos")
    assert upgrade(lake) == {"videos": (1, SCHEMA_VERSION)}
    assert upgrade(lake) == {}
    assert lake.read("videos")["recipe"].to_pylist() == [None]
    lake.append("videos", rows_to_table("videos", [video_row(source_name(1), recipe="{}")]))
    assert lake.read("videos")["recipe"].to_pylist() == [None, "{}"]


def test_a_newer_lake_is_refused(tmp_path: Path) -> None:
    config = {"hmmr.schema_version": str(SCHEMA_VERSION + 1)}
    DeltaTable.create(tmp_path / "shots", TABLES["shots"], configuration=config, raise_if_key_not_exists=False)
    with pytest.raises(SchemaTooNew, match="update"):
        Lake(tmp_path).read("shots")

"""Another φ for a lake: equal to the harvest's own, each row once, and refused where it cannot be the same."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, update

from harvest.config import HarvestConfig
from harvest.errors import ContentChanged, Erased, HarvestError, NotAsLabelled, Unreadable
from harvest.features import plan
from harvest.features.plan import OtherWeightsError
from harvest.features.run import FeatureReport, _Run, add_features
from harvest.features.worker import FeatureWorker
from harvest.fetch.policy import OptOutList, Policy
from harvest.run import harvest
from harvest.smooth import SmoothingConfig
from harvest.sources.expand import Source
from storage.erase.names import Target
from storage.erase.run import erase
from storage.lake import Lake
from storage.ledger.ledger import Ledger
from storage.ledger.tables import ITEMS
from storage.reconcile import reconcile
from storage.rewrite import change_rows

TURNED = "blazepose_turned"
pytestmark = pytest.mark.usefixtures("embedded_weights")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the lake that the first test harvests; the others get a copy."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def lake(films: Path, config: HarvestConfig, once: Path, tmp_path: Path) -> Lake:
    """Two films, of one and of two people, harvested with the φ `keypoints`."""
    if not (once / "where").exists():
        harvest([films], Lake(once / "lake"), config)
        (once / "where").write_text(str(films))
    shutil.copytree(once / "lake", tmp_path / "lake")
    lake = Lake(tmp_path / "lake")
    ledger = Ledger.open(lake.root)
    with ledger.engine.begin() as connection:
        moved = func.replace(ITEMS.c.request, (once / "where").read_text(), str(films))
        connection.execute(update(ITEMS).values(request=moved))
    ledger.close()
    return lake


@pytest.fixture
def wanted(config: HarvestConfig) -> HarvestConfig:
    return replace(config, phis=(TURNED,))


def _rows(lake: Lake, phi: str = TURNED) -> dict[str, dict[str, Any]]:
    """By tracklet; two of one tracklet are an error."""
    rows = [row for row in lake.read("features").to_pylist() if row["phi_name"] == phi]
    by_id = {row["tracklet_id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def _by_person(lake: Lake) -> dict[tuple[str, int], dict[str, Any]]:
    rows = _rows(lake)
    return {(t["source_id"], t["person_index"]): rows[t["tracklet_id"]] for t in lake.read("tracklets").to_pylist()}


def _kinds(report: FeatureReport) -> list[type[HarvestError]]:
    return [type(trouble) for trouble in report.troubles]


def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work without worker processes: faster, and what is patched here is patched there."""

    def work(self: _Run, sources: list[Source]) -> None:
        worker = FeatureWorker(self._lake.root, self._config, Path(self._lake.layout.cache), self._ledger.url)
        for source in sources:
            try:
                self._waiting.add(worker.do(source, lambda *_: None))
            except HarvestError as error:
                self._troubles.append(error)
            self._commit()

    monkeypatch.setattr(_Run, "_work", work)


def test_equals_the_harvests_own_to_the_byte(
    lake: Lake, films: Path, config: HarvestConfig, wanted: HarvestConfig, tmp_path: Path
) -> None:
    own = Lake(tmp_path / "own")
    harvest([films], own, replace(config, phis=("keypoints", TURNED)))
    report = add_features(lake, wanted)
    assert (report.lacked, report.added, report.troubles) == (3, 3, ())
    assert report.frames == sum(row["n_frames"] for row in lake.read("tracklets").to_pylist())
    # ids hold the label key, which names all φ of a harvest: tracklets of the two lakes are paired by person
    theirs, ours = _by_person(own), _by_person(lake)
    assert theirs.keys() == ours.keys()
    for person, row in ours.items():
        expected = theirs[person]
        assert row["phi"] == expected["phi"]
        assert row["turn"] == expected["turn"]
        np.testing.assert_array_equal(np.array(row["zero_shot_3d"]), np.array(expected["zero_shot_3d"]))
    assert {row["label_key"] for row in _rows(lake).values()} == set(lake.read("tracklets")["label_key"].to_pylist())
    again = add_features(lake, wanted)
    assert (again.lacked, again.added) == (0, 0)
    ledger = Ledger.open(lake.root)
    findings = reconcile(lake, ledger)
    assert (findings.problems, findings.repaired, ledger.books().done) == ([], [], 2)
    ledger.close()
    assert not [path for path in Path(lake.layout.cache).rglob("*") if path.suffix == ".mp4"]


def test_what_was_interrupted_goes_on(lake: Lake, wanted: HarvestConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_this_process(monkeypatch)
    plain = FeatureWorker.do

    def interrupted(self: FeatureWorker, source: Source, report: Callable[..., None]) -> object:
        if done:
            raise KeyboardInterrupt
        done.append(source.name)
        return plain(self, source, report)

    done: list[str] = []
    monkeypatch.setattr(FeatureWorker, "do", interrupted)
    with pytest.raises(KeyboardInterrupt):
        add_features(lake, wanted)
    assert len(_rows(lake)) == 1
    monkeypatch.setattr(FeatureWorker, "do", plain)
    report = add_features(lake, wanted)
    assert (report.lacked, report.added) == (2, 2)
    assert len(_rows(lake)) == 3


def test_a_changed_file_is_refused_by_name_and_the_rest_goes_on(
    lake: Lake, films: Path, wanted: HarvestConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_this_process(monkeypatch)
    changed = films / "one.mp4"
    changed.write_bytes(changed.read_bytes() + b"\0")
    report = add_features(lake, wanted)
    assert (_kinds(report), report.added) == ([ContentChanged], 2)
    assert "one.mp4: is not the file that was labelled" in str(report.troubles[0])
    (films / "one.mp4").unlink()
    report = add_features(lake, wanted)
    assert _kinds(report) == [Unreadable]
    assert "--files" in str(report.troubles[0])


def test_files_elsewhere_are_known_by_their_content(
    lake: Lake, films: Path, wanted: HarvestConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_this_process(monkeypatch)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (films / "one.mp4").rename(elsewhere / "another name.mp4")
    other = films / "two.mp4"
    (elsewhere / "two.mp4").write_bytes(other.read_bytes() + b"\0")
    other.unlink()
    report = add_features(lake, wanted, [elsewhere])
    assert report.added == 1
    assert sorted(kind.__name__ for kind in _kinds(report)) == ["ContentChanged", "Unreadable"]


def test_an_erased_source_is_refused(
    lake: Lake, films: Path, wanted: HarvestConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_this_process(monkeypatch)
    (gone,) = [row["source_id"] for row in lake.read("videos").to_pylist() if row["url"] == "one.mp4"]
    ledger = Ledger.open(lake.root)
    erase(lake, ledger, Target(sources=(gone,)))
    report = add_features(lake, wanted, [films / "one.mp4"])
    assert (_kinds(report), report.lacked, report.added) == ([Erased], 2, 2)
    assert gone not in lake.read("features")["source_id"].to_pylist()
    ledger.close()


def test_a_source_that_is_erased_while_it_is_computed_leaves_nothing(
    lake: Lake, wanted: HarvestConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_this_process(monkeypatch)
    plain = FeatureWorker.do

    def erased_meanwhile(self: FeatureWorker, source: Source, report: Callable[..., None]) -> object:
        rows = plain(self, source, report)
        if source.name == "one.mp4":
            ledger = Ledger.open(lake.root)
            erase(lake, ledger, Target(sources=(source.item_id,)))
            ledger.close()
        return rows

    monkeypatch.setattr(FeatureWorker, "do", erased_meanwhile)
    assert add_features(lake, wanted).added == 2
    assert lake.read("videos")["url"].to_pylist() == ["two.mp4"]
    assert lake.read("features").num_rows == 4


def test_an_address_is_fetched_again_under_the_same_policy(
    films: Path, config: HarvestConfig, wanted: HarvestConfig, served: Callable[..., str], tmp_path: Path
) -> None:
    base, lake = served(films), Lake(tmp_path / "of the web")
    policy = Policy(allow_private=True, licence="open")
    assert harvest([f"{base}/one.mp4"], lake, replace(config, policy=policy)).books.done == 1
    assert [trouble.reason for trouble in add_features(lake, wanted).troubles] == ["address_refused"]
    wishes = OptOutList(frozenset({("url", f"{base}/one.mp4")}))
    refused = add_features(lake, replace(wanted, policy=replace(policy, opt_out=wishes)), [films])
    assert [trouble.reason for trouble in refused.troubles] == ["opted_out"]
    kept = (films / "one.mp4").read_bytes()
    (films / "one.mp4").write_bytes((films / "two.mp4").read_bytes())
    changed = add_features(lake, replace(wanted, policy=policy))
    assert (_kinds(changed), changed.added) == ([ContentChanged], 0)
    (films / "one.mp4").write_bytes(kept)
    assert add_features(lake, replace(wanted, policy=policy)).added == 1
    assert not list(Path(lake.layout.cache).rglob("*.mp4"))


def test_joints_that_were_smoothed_turn_no_crop(
    films: Path, config: HarvestConfig, wanted: HarvestConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_this_process(monkeypatch)
    lake = Lake(tmp_path / "smoothed")
    harvest([films], lake, replace(config, label=replace(config.label, smoothing=SmoothingConfig(0.06))))
    report = add_features(lake, wanted)
    assert (_kinds(report), report.added) == ([NotAsLabelled] * 2, 0)
    assert add_features(lake, replace(wanted, phis=("blazepose_penultimate",))).added == 3


@pytest.mark.parametrize("change", ["pts", "size"])
def test_another_decoding_than_the_labels_is_refused(
    lake: Lake, wanted: HarvestConfig, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    _in_this_process(monkeypatch)

    def otherwise(table: object) -> tuple[object, int]:
        from storage.tables import rows_to_table

        rows = table.to_pylist()  # type: ignore[attr-defined]
        for row in rows:
            if change == "pts":
                row["pts"] = [tick + 1 for tick in row["pts"]]
            else:
                row["width"] += 2
        return rows_to_table("tracklets", rows), len(rows)

    change_rows(lake, "tracklets", None, otherwise)  # type: ignore[arg-type]
    report = add_features(lake, wanted)
    assert (_kinds(report), report.added) == ([NotAsLabelled] * 2, 0)


def test_two_sets_of_weights_never_mix(lake: Lake, wanted: HarvestConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    from harvest.phi.blazepose import TurnedBlazePosePhi

    _in_this_process(monkeypatch)
    add_features(lake, wanted)
    (run,) = [row for row in lake.read("runs").to_pylist() if row["kind"] == plan.RUN_KIND]
    assert json.loads(run["config"])["stages"][0]["name"] == f"phi/{TURNED}"
    other = TurnedBlazePosePhi()
    other.weights = {"blazepose_full.onnx": "0" * 64}
    with pytest.raises(OtherWeightsError, match=TURNED):
        plan.check_weights(lake, other)


def test_workers_lose_no_video_but_the_bad_one(lake: Lake, wanted: HarvestConfig, films: Path) -> None:
    (films / "one.mp4").write_bytes(b"no video at all")
    report = add_features(lake, replace(wanted, workers=2))
    assert (_kinds(report), report.added) == ([ContentChanged], 2)

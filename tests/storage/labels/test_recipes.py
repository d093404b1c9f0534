"""Labels of one lake by the recipe that they were made by: chosen by name, told apart in words, never mixed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.errors import LabelsMissing
from storage.example_rows import WHEN, source_name, tracklet_row, video_row
from storage.labels.counts import count_labels
from storage.labels.key import Recipe, Stage
from storage.labels.recipes import label_versions, version_named
from storage.labels.words import NO_RECIPE, ONLY, what_differs
from storage.lake import Lake
from storage.snapshot import freeze, joined, load, select
from storage.tables import rows_to_table

PLAIN = Recipe((
    Stage("people", "1", {"backend": "embedded", "detect_every": 4}, {"nano.onnx": "ab" * 32}),
    Stage("filter", "2", {"name": "default", "min_frames": 20}),
    Stage("phi/keypoints", "2", {"dim": 75}),
))  # fmt: skip


def changed(name: str, /, **settings: object) -> Recipe:
    """PLAIN with other settings of one stage, or with one stage more."""
    stages = [replace(s, config={**s.config, **settings}) if s.name == name else s for s in PLAIN.stages]
    more = [] if any(s.name == name for s in PLAIN.stages) else [Stage(name, "1", settings)]
    return Recipe((*stages, *more))


SMOOTH = changed("smooth", sigma_s=0.06)
STRICT = changed("filter", name="strict", min_frames=40)


def label(lake: Lake, recipe: Recipe, sources: range, hours_later: int) -> list[str]:
    """Label so many sources by a recipe; one tracklet each, whose ids are returned."""
    at = WHEN + timedelta(hours=hours_later)
    keys = {source_name(i): recipe.label_key(f"content {i}") for i in sources}
    videos = [video_row(s, label_key=k, committed_at=at, recipe=recipe.to_json()) for s, k in keys.items()]
    tracks = [tracklet_row(s, label_key=k, committed_at=at) for s, k in keys.items()]
    lake.append("videos", rows_to_table("videos", videos))
    lake.append("tracklets", rows_to_table("tracklets", tracks))
    return sorted(row["tracklet_id"] for row in tracks)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def test_an_older_version_is_selected_by_digest_prefix_or_label_key(lake: Lake) -> None:
    plain, smooth = label(lake, PLAIN, range(3), 0), label(lake, SMOOTH, range(2), 1)
    newest = select(lake).tracklet_ids
    assert set(newest) == {*smooth, *(set(plain) - set(newest_of_first_two(lake, plain)))}
    names = (PLAIN.digest, PLAIN.digest[:8], PLAIN.label_key("content 1"), PLAIN.label_key("content 1")[:10])
    assert {freeze(lake, labels=name).tracklet_ids for name in names} == {tuple(plain)}
    assert list(select(lake, labels=SMOOTH.digest).tracklet_ids) == smooth
    assert load(lake, freeze(lake, labels=PLAIN.digest).digest).tracklet_ids == tuple(plain)
    both = joined([select(lake, labels=digest) for digest in (PLAIN.digest, SMOOTH.digest, PLAIN.digest)])
    assert list(both.tracklet_ids) == sorted({*plain, *smooth})


def newest_of_first_two(lake: Lake, plain: list[str]) -> list[str]:
    rows = lake.read("tracklets", ["tracklet_id", "source_id"]).to_pylist()
    two = {source_name(0), source_name(1)}
    return [row["tracklet_id"] for row in rows if row["tracklet_id"] in plain and row["source_id"] in two]


def test_an_unknown_or_doubtful_name_lists_what_there_is(lake: Lake) -> None:
    label(lake, PLAIN, range(2), 0)
    label(lake, STRICT, range(2), 1)
    for name in ("0" * 64, PLAIN.digest[:7], ""):
        with pytest.raises(LabelsMissing, match=rf"no labels '{name}'.*{PLAIN.digest[:12]} \(preset default\).*strict"):
            select(lake, labels=name)
    versions = [replace(version, digest="abcdef01" + version.digest) for version in label_versions(lake)]
    with pytest.raises(LabelsMissing, match="2 versions of labels 'abcdef01'"):
        version_named(lake, "abcdef01", versions)


def test_a_whole_name_is_itself_though_another_begins_with_it(lake: Lake) -> None:
    for key in ("version-1", "version-10"):
        lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source_name(0), label_key=key)]))
        assert version_named(lake, key).digest == key
    with pytest.raises(LabelsMissing, match="2 versions of labels 'version-'"):
        version_named(lake, "version-")
    assert version_named(lake, "version-1").digest == "version-1"


def test_a_video_whose_bytes_changed_counts_once(lake: Lake) -> None:
    label(lake, PLAIN, range(1), 0)
    at = WHEN + timedelta(hours=1)
    again = tracklet_row(source_name(0), label_key=PLAIN.label_key("other bytes"), committed_at=at)
    row = video_row(source_name(0), label_key=again["label_key"], committed_at=at, recipe=PLAIN.to_json())
    lake.append("videos", rows_to_table("videos", [row]))
    lake.append("tracklets", rows_to_table("tracklets", [again]))
    label(lake, SMOOTH, range(1), 2)
    assert select(lake, labels=PLAIN.digest).tracklet_ids == (again["tracklet_id"],)


def test_versions_are_counted_oldest_first(lake: Lake) -> None:
    label(lake, SMOOTH, range(4), 0)
    label(lake, PLAIN, range(3), 1)
    lake.append("tracklets", rows_to_table("tracklets", [tracklet_row(source_name(9), label_key="imported")]))
    found = {row.words: (row.videos, row.newest, row.tracklets) for row in count_labels(lake)}
    assert found == {"smoothing 0.06 s": (4, 1, 4), "no smoothing": (3, 3, 3), NO_RECIPE: (0, 0, 1)}
    assert select(lake, labels="imported").sources == (source_name(9),)


@pytest.mark.parametrize("text", ["{}", "[" * 100_000, '{"stages": [{"name": 1, "version": "1", "config": 3}]}', "NaN"])
def test_a_strangers_recipe_is_none(lake: Lake, text: str) -> None:
    lake.append("videos", rows_to_table("videos", [video_row(source_name(0), recipe=text)]))
    assert [(version.digest, version.recipe) for version in label_versions(lake)] == [("k1", None)]


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        ([PLAIN, SMOOTH, STRICT], ["preset default, no smoothing", "smoothing 0.06 s", "preset strict"]),
        ([SMOOTH, PLAIN], ["smoothing 0.06 s", "no smoothing"]),
        ([PLAIN, changed("scores", calibration="ab")], ["raw scores", "calibrated scores"]),
        ([PLAIN, changed("people", backend="rtm:l", detect_every=1)], ["backend embedded", "backend rtm:l"]),
        # The headline does not tell these apart, so the settings do.
        ([PLAIN, changed("filter", min_frames=30)], ["filter.min_frames 20", "filter.min_frames 30"]),
        ([PLAIN, changed("people", detect_every=1)], ["people.detect_every 4", "people.detect_every 1"]),
        ([PLAIN, None], [ONLY, NO_RECIPE]),
        ([None], [NO_RECIPE]),
        ([], []),
    ],
)  # fmt: skip
def test_words_tell_what_differs(recipes: list[Recipe | None], said: list[str]) -> None:
    assert what_differs(recipes) == said


def test_another_network_of_the_same_name_is_told() -> None:
    people = replace(PLAIN.stages[0], weights={"nano.onnx": "cd" * 32}, version="2")
    other = Recipe((people, *PLAIN.stages[1:]))
    assert what_differs([PLAIN, other])[1] == "people.version 2, people.nano.onnx cdcdcdcd"

"""Label versions as an axis of a study: the same videos, labelled otherwise.

What is frozen is the film under all of the study's versions, so that every version has the same part of the videos at
every size: a filter that keeps less of them is judged by what it makes of the same film, at its own hours.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow.compute as pc

from evaluation.study.config import StudyConfig, StudyConfigError
from evaluation.study.grid import label_series
from evaluation.study.versions import keep_comparison
from flows.provenance import code_commit
from storage.errors import LabelsMissing
from storage.labels.recipes import label_versions, told, version_named
from storage.lake import Lake
from storage.snapshot import Snapshot, freeze, joined, keep, select


def with_versions(config: StudyConfig, lake: Lake) -> StudyConfig:
    """The study with whole digests of its label versions; StudyConfigError names one that the lake lacks."""
    if not config.labels:
        return config
    all_versions = label_versions(lake)
    try:
        versions = (
            all_versions
            if config.labels == ("all",)
            else [version_named(lake, name, all_versions) for name in config.labels]
        )
    except LabelsMissing as error:
        raise StudyConfigError(f"labels: {error}") from error
    return replace(config, labels=tuple(version.digest for version in versions))


def frozen_film(lake: Lake, config: StudyConfig) -> Snapshot:
    """The pool: of each video its newest labels, or those of every version that the study names."""
    if not config.labels:
        return freeze(lake)
    parts = [select(lake, labels=digest) for digest in config.labels]
    for digest, part in zip(config.labels, parts, strict=True):
        if not len(part):
            raise StudyConfigError(f"labels: version {digest[:12]} of {lake.root} kept no tracklet")
    return keep(lake, joined(parts))


def of_version(lake: Lake, film: Snapshot, digest: str) -> Snapshot:
    """The part of a selection whose labels are of version `digest`. LabelsMissing where the lake has none."""
    version = version_named(lake, digest)
    rows = lake.read("tracklets", ["tracklet_id", "label_key"])
    ids = rows.filter(version.holds(rows))["tracklet_id"].combine_chunks()
    return film.only(pc.is_in(film.ids, value_set=ids).to_numpy(zero_copy_only=False))


def compare_versions(lake: Lake, config: StudyConfig, command: str) -> None:
    """Compares each label version with the study's first and keeps the result in the lake for the page."""
    began, series = datetime.now(UTC), label_series(config)
    if not series:
        return
    versions = [version_named(lake, digest) for digest in series.values()]
    words = dict(zip(series, (words for _, words in told(versions)), strict=True))
    keep_comparison(lake, words, dict(series), command=command, commit=code_commit(), began=began)

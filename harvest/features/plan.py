"""Which videos of a lake have tracklets without a φ, and where the file of each is.

Only the newest labels of a video count, as for training. A file is looked for among those that the user names, by its
content; then at the path where it was harvested from; else it is downloaded again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from harvest.config import HarvestConfig
from harvest.errors import ContentChanged, Erased, HarvestError, NotAsLabelled, Unreadable
from harvest.fetch.policy import refused_before_contact
from harvest.phi.protocol import Phi
from harvest.sources.expand import Source, expand, to_source
from storage.labels.key import Recipe
from storage.labels.versions import newest_keys
from storage.lake import Lake
from storage.ledger.items import DONE, Entry
from storage.ledger.ledger import Ledger


class OtherWeightsError(ValueError):
    """The lake has features of a φ of this name that other weights gave."""


@dataclass(frozen=True)
class Lacking:
    """A video whose newest tracklets, or some of them, lack a φ."""

    source_id: str
    name: str
    content_sha256: str
    tracklets: int


@dataclass(frozen=True)
class FeaturePlan:
    """The videos to work on, each with its file, and those that cannot be worked on."""

    sources: Sequence[Source]
    troubles: Sequence[HarvestError]
    tracklets: int
    """How many tracklets of the lake lack the φ."""


def plan_features(
    lake: Lake, ledger: Ledger, phi: Phi, config: HarvestConfig, files: Sequence[str | Path]
) -> FeaturePlan:
    """`files`: files and folders where the videos may be. OtherWeightsError if the lake has this φ by other weights."""
    check_weights(lake, phi)
    lacking = videos_without(lake, phi.name)
    at_hand, troubles = _at_hand(files, lacking, ledger)
    entries = {entry.item.item_id: entry for entry in ledger.entries(among=lacking)}
    sources = []
    for video in lacking.values():
        try:
            sources.append(_source(video, entries.get(video.source_id), at_hand, config))
        except HarvestError as error:
            troubles.append(error)
    return FeaturePlan(sources, troubles, sum(video.tracklets for video in lacking.values()))


def videos_without(lake: Lake, phi_name: str) -> dict[str, Lacking]:
    """By source id, in the order of the names."""
    tracklets = tracklets_without(lake, phi_name, ["source_id", "label_key"])
    counts = tracklets.group_by(["source_id", "label_key"]).aggregate([([], "count_all")]).to_pylist()
    columns = ["source_id", "label_key", "url", "content_sha256"]
    among = pc.field("source_id").isin(tracklets["source_id"].unique())
    videos = {(row["source_id"], row["label_key"]): row for row in lake.read("videos", columns, among).to_pylist()}
    lacking = []
    for row in counts:
        video = videos.get((row["source_id"], row["label_key"]), {})
        name, content = video.get("url") or row["source_id"], video.get("content_sha256") or ""
        lacking.append(Lacking(row["source_id"], name, content, row["count_all"]))
    return {video.source_id: video for video in sorted(lacking, key=lambda video: (video.name, video.source_id))}


def tracklets_without(
    lake: Lake, phi_name: str, columns: Sequence[str], among: pc.Expression | None = None
) -> pa.Table:  # fmt: skip
    """Tracklets of their sources' newest labels that have no row of this φ; `among` chooses rows by source_id."""
    named = pc.field("phi_name") == phi_name
    have = lake.read("features", ["tracklet_id"], named if among is None else named & among)["tracklet_id"]
    wanted = list(dict.fromkeys(["tracklet_id", "source_id", "label_key", *columns]))
    table = lake.read("tracklets", wanted, among)
    lacks = pc.invert(pc.is_in(table["tracklet_id"], value_set=have.combine_chunks()))
    return table.filter(pc.and_(lacks, newest_keys(lake).holds(table)))


def check_weights(lake: Lake, phi: Phi) -> None:
    """OtherWeightsError if a φ of this name was computed for this lake with other weights: nothing could tell the rows
    apart afterwards."""
    stages = [stage for recipe in _recipes(lake) for stage in recipe.stages if stage.name == f"phi/{phi.name}"]
    for stage in stages:
        if dict(stage.weights) != dict(phi.weights):
            other = ", ".join(f"{name} {sha256[:12]}" for name, sha256 in stage.weights.items())
            raise OtherWeightsError(
                f"{lake.root} has features {phi.name} by other weights ({other}); use another lake, or those weights"
            )


def _recipes(lake: Lake) -> list[Recipe]:
    """Of the labels, and those that earlier calls left in `runs`."""
    labels = lake.read("videos", ["recipe"], pc.field("recipe").is_valid())["recipe"].unique().to_pylist()
    runs = lake.read("runs", ["config"], pc.field("kind") == RUN_KIND)["config"].unique().to_pylist()
    recipes = []
    for text in (*labels, *runs):
        try:
            recipes.append(Recipe.from_json(text))
        except ValueError:  # a stranger's; `hmmr lake labels` says more
            continue
    return recipes


RUN_KIND = "features"
"""Kind of the row of `runs` that says which weights gave a φ that was added to a lake."""


def _at_hand(
    files: Sequence[str | Path], lacking: dict[str, Lacking], ledger: Ledger
) -> tuple[dict[str, Path], list[HarvestError]]:
    """Paths by content, and what is wrong with the files that the user named."""
    at_hand: dict[str, Path] = {}
    troubles: list[HarvestError] = []
    contents = {video.content_sha256 for video in lacking.values()}
    content_by_name = {video.name: video.content_sha256 for video in lacking.values()}
    sources = [source for word in files for source in expand([word]) if not source.is_url]
    erased = set(ledger.tombstones.among("content", {s.item_id for s in sources if s.problem is None}))
    for source in sources:
        path = Path(source.address)
        if source.problem is not None:
            troubles.append(source.problem)
        elif source.item_id in erased:
            troubles.append(Erased(source.name, "was erased from this lake, under this address or another"))
        elif source.item_id in contents:
            at_hand[source.item_id] = path
        elif source.name in content_by_name:
            troubles.append(changed(str(path), source.item_id, content_by_name[source.name]))
    return at_hand, troubles


def changed(item: str, content: str, labelled: str) -> ContentChanged:
    """The error for a file whose content is not what was labelled."""
    words = f"is not the file that was labelled: its SHA-256 is {content[:12]}, the labelled one's {labelled[:12]}"
    return ContentChanged(item, f"{words}; `hmmr harvest run` labels it as it is now")


def _source(video: Lacking, entry: Entry | None, at_hand: dict[str, Path], config: HarvestConfig) -> Source:
    """The source with the place of its file. HarvestError if it cannot be worked on."""
    if entry is None or entry.damaged is not None or not entry.item.request:
        raise NotAsLabelled(video.name, "the ledger does not know where its file is from: its rows were not harvested")
    if entry.state != DONE:
        raise NotAsLabelled(video.name, f"is {entry.state}: it is to be labelled again; run `hmmr harvest run` first")
    if not video.content_sha256:
        raise NotAsLabelled(video.name, "nothing says which content was labelled")
    source = to_source(entry.item)
    refusal = refused_before_contact(source, config.policy)
    if refusal is not None:
        raise refusal
    if video.content_sha256 in at_hand:
        return replace(source, address=str(at_hand[video.content_sha256]), is_url=False)
    if not source.is_url and not Path(source.address).is_file():
        raise Unreadable(source.name, f"is no longer at {source.address}; --files FOLDER says where it is")
    return source

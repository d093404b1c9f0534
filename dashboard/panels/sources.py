"""Hours by licence, host and source: where the usable video came from and by what right."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from dashboard.markup import Cells, Html, Panel, folded, hours_text, join, short, table
from dashboard.view import LakeView, Row


def sources_panel(view: LakeView) -> Panel:
    """Tracklets and person-hours grouped by licence, by host, by tag, and by video."""
    videos = {row["source_id"]: row for row in view.videos}

    def host(row: Row) -> list[str]:
        return [videos[row["source_id"]]["host"] if row["source_id"] in videos else "unknown"]

    by_video = _grouped(view, lambda row: [row["source_id"]])
    listed: list[Cells] = [(_title(videos.get(row[0]), row[0]), *row[1:]) for row in by_video]
    return Panel(
        "sources",
        "Hours by source and licence",
        join(
            _table("By licence", "licence", _grouped(view, lambda row: [row["licence"]])),
            _table("By host", "host", _grouped(view, host)),
            _table("By tag", "tag", _grouped(view, lambda row: row["tags"] or ["(none)"])),
            folded("Every video", _table("By video", "video", listed)),
        ),
    )


def _grouped(view: LakeView, keys: Callable[[Row], list[str]]) -> list[tuple[str, int, int, str]]:
    """(key, videos, tracklets, time) with the most hours first; a row with several keys counts under each."""
    seconds: dict[str, float] = defaultdict(float)
    tracklets: dict[str, int] = defaultdict(int)
    videos: dict[str, set[str]] = defaultdict(set)
    for row in view.tracklets:
        for key in keys(row):
            seconds[key] += row["seconds"]
            tracklets[key] += 1
            videos[key].add(row["source_id"])
    order = sorted(seconds, key=lambda key: -seconds[key])
    return [(key, len(videos[key]), tracklets[key], hours_text(seconds[key] / 3600)) for key in order]


def _table(caption: str, first: str, rows: Sequence[Cells]) -> Html:
    return table(caption, [first, "videos", "tracklets", "person-time"], rows, limit=100)


def _title(video: Row | None, source: str) -> str:
    if video is None:
        return short(source)
    return str(video["title"] or video["url"] or short(source))

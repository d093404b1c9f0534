"""The published lists of HMMR's authors as they lie on disk: InstaVariety.json, and the ids of VLOG-people.

InstaVariety.json is a list of posts: {download_tag, shortcode, video_link, is_video, ...} (their doc/insta_variety.md).
vlog_ids.txt has one clip a line, `0_J_I_v_2VqBUwJX0JI_034_`: three letters that sorted the videos into folders, `v_`,
the video's id on YouTube, and the clip's number. The seconds of a clip are in VLOG's own files, so the whole video is
the source, once for all of its clips. Naming such a list opts in to its host; most of both is gone by now.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harvest.entry import Entry

_VLOG = re.compile(r"[\w-]_[\w-]_[\w-]_v_([\w-]{11})_\d+_?")
_SHORTCODE = re.compile(r"[\w-]{5,64}")


def vlog_entry(line: str) -> Entry | None:
    """The video that a line of vlog_ids.txt was cut from; None for any other line."""
    match = _VLOG.fullmatch(line)
    return Entry(f"https://www.youtube.com/watch?v={match[1]}", tags=("vlog",)) if match else None


def is_instavariety(tree: object) -> bool:
    """Whether parsed JSON is InstaVariety.json, by its first post."""
    return (
        isinstance(tree, list)
        and bool(tree)
        and isinstance(tree[0], Mapping)
        and {"shortcode", "download_tag"} <= tree[0].keys()
    )


def instavariety_entries(posts: Sequence[Any]) -> list[Entry]:
    """Its videos, each with the tag under which it was found. ValueError names a post that is none."""
    return [_post(post, f"post {i + 1}") for i, post in enumerate(posts) if not _is_photo(post)]


def _is_photo(post: Any) -> bool:
    return isinstance(post, Mapping) and post.get("is_video") is False


def _post(post: Any, where: str) -> Entry:
    if not isinstance(post, Mapping):
        raise ValueError(f"{where}: expected a mapping, found {type(post).__name__}")
    code, tag = post.get("shortcode"), post.get("download_tag")
    if not isinstance(code, str) or not _SHORTCODE.fullmatch(code):
        raise ValueError(f"{where}: shortcode {code!r:.40} is no Instagram code")
    # from the code and not from video_link, so that the list cannot name another host
    return Entry(f"https://www.instagram.com/p/{code}", tags=(tag,) if isinstance(tag, str) and tag else ())

"""The published lists of HMMR's authors as sources."""

import json
from pathlib import Path
from typing import Any

import pytest

from harvest.sources.expand import expand


def _post(code: str, **changes: Any) -> dict[str, Any]:
    """A post with the fields that their doc/insta_variety.md lists."""
    return {
        "edge_media_preview_like": {"count": 3}, "urls": [f"{code}_n.mp4"], "tags": ["gym", "fit"], "is_video": True,
        "edge_media_to_caption": {"edges": [{"node": {"text": "#gym"}}]}, "dimensions": {"width": 640, "height": 640},
        "download_tag": "deadlift", "shortcode": code, "taken_at_timestamp": 1540000000, "id": "1",
        "video_link": f"https://www.instagram.com/p/{code}",
    } | changes  # fmt: skip


def test_instavariety_is_a_post_a_source(tmp_path: Path) -> None:
    posts = [_post("BpAbc-_1234"), _post("BpDef567890", download_tag="yoga"), _post("BpPhoto0000", is_video=False)]
    path = tmp_path / "InstaVariety.json"
    path.write_text(json.dumps(posts))
    found = expand([path])
    assert [(source.address, source.tags) for source in found] == [
        ("https://www.instagram.com/p/BpAbc-_1234", ("deadlift",)),
        ("https://www.instagram.com/p/BpDef567890", ("yoga",)),
    ]
    assert {(source.licence, source.problem, source.host) for source in found} == {(None, None, "www.instagram.com")}


@pytest.mark.parametrize("bad", [_post("../../etc"), _post("x y z!!"), {"shortcode": 5, "download_tag": "a"}, "post"])
def test_bad_post_is_named(tmp_path: Path, bad: object) -> None:
    path = tmp_path / "InstaVariety.json"
    path.write_text(json.dumps([_post("BpAbc123456"), bad]))
    (problem,) = [source.problem for source in expand([path])]
    assert problem is not None
    assert "post 2" in problem.message


def test_the_list_cannot_name_another_host(tmp_path: Path) -> None:
    path = tmp_path / "InstaVariety.json"
    path.write_text(json.dumps([_post("BpAbc123456", video_link="http://169.254.169.254/")]))
    assert [source.host for source in expand([path])] == ["www.instagram.com"]


def test_vlog_ids_are_whole_videos_once(tmp_path: Path) -> None:
    lines = (
        "0_0_I_v_LdhYI_Pq00I_021_",
        "1_G_M_v_Tz4doVT_1GM_026_",
        "1_G_M_v_Tz4doVT_1GM_100_",
        "t_u_E_v__E66BefQtuE_014_",
    )
    (tmp_path / "vlog_ids.txt").write_text("\n".join(lines))
    found = expand([tmp_path / "vlog_ids.txt"])
    assert [source.address[-11:] for source in found] == ["LdhYI_Pq00I", "Tz4doVT_1GM", "_E66BefQtuE"]
    assert {(source.tags, source.host) for source in found} == {(("vlog",), "www.youtube.com")}

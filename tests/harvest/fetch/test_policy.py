"""Who may be harvested: a table of cases."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harvest.errors import (
    AgeGated,
    LicenceClosed,
    LicenceUnknown,
    LiveStream,
    OptedOut,
    TooLarge,
    TooLong,
    TooManyPixels,
)
from harvest.fetch.policy import OptOutList, Policy, check_before_contact, check_metadata, licence_verdict
from harvest.sources.expand import Source

WEB = Source("id", "https://video.example.org/x", True)
LOCAL = Source("id", "/x/clip.mp4", False)
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


def test_unknown_means_no_until_somebody_vouches() -> None:
    with pytest.raises(LicenceUnknown, match="--licence open"):
        licence_verdict(WEB, {}, Policy())
    by_call = licence_verdict(WEB, {}, Policy(licence="open"))
    by_list = licence_verdict(replace(WEB, licence="open"), {}, Policy())
    assert by_call.licence == by_list.licence == f"vouched {TODAY}"
    assert (by_call.evidence["vouched_by"], by_list.evidence["vouched_by"]) == ("--licence open", "source list")


def test_local_file_is_vouched_for_by_being_named() -> None:
    assert licence_verdict(LOCAL, {}, Policy()).licence == f"vouched {TODAY}"


def test_closed_in_the_list_beats_the_call() -> None:
    with pytest.raises(LicenceClosed):
        licence_verdict(replace(WEB, licence="closed"), {}, Policy(licence="open"))


def test_stated_licence_is_evidence() -> None:
    verdict = licence_verdict(WEB, {"license": "CC-BY-4.0", "webpage_url": "https://p"}, Policy())
    assert verdict.licence == "open"
    assert (verdict.evidence["host_says"], verdict.evidence["page"]) == ("CC-BY-4.0", "https://p")
    with pytest.raises(LicenceClosed):
        licence_verdict(WEB, {"license": "Standard"}, Policy())


def test_terms_beyond_open_must_be_asked_for() -> None:
    stated = {"license": "https://creativecommons.org/licenses/by-nc/4.0/"}
    with pytest.raises(LicenceClosed, match="--also nc takes it"):
        licence_verdict(WEB, stated, Policy())
    with pytest.raises(LicenceClosed, match="--also nc-nd"):
        licence_verdict(WEB, {"license": "CC BY-NC-ND 4.0"}, Policy(also=("nc", "nd")))
    assert licence_verdict(WEB, stated, Policy(also=("nc",))).licence == "nc"


def test_a_host_whose_only_format_is_too_large() -> None:
    source = replace(WEB, licence="open")
    with pytest.raises(TooManyPixels, match="7680 x 4320"):
        check_metadata(source, {"width": 7680, "height": 4320}, Policy())
    assert check_metadata(source, {"width": 1080, "height": 1920}, Policy())


@pytest.mark.parametrize(
    ("info", "error"),
    [
        ({"is_live": True}, LiveStream),
        ({"age_limit": 18}, AgeGated),
        ({"duration": 11.0}, TooLong),
        ({"filesize": 101}, TooLarge),
    ],
)
def test_limits_of_what_the_host_says(info: dict[str, object], error: type[Exception]) -> None:
    source = replace(WEB, licence="open", max_seconds=10.0, max_bytes=100)
    assert check_metadata(source, {"duration": 10.0, "filesize": 100}, Policy())
    with pytest.raises(error):
        check_metadata(source, info, Policy())


def test_length_of_the_whole_does_not_matter_for_sections() -> None:
    source = replace(WEB, licence="open", max_seconds=10.0, sections_s=((0.0, 5.0),))
    assert check_metadata(source, {"duration": 5000.0}, Policy())


@pytest.mark.parametrize(
    ("wish", "hit"),
    [
        ("host example.org", True),
        ("host ample.org", False),
        ("https://video.example.org/x", True),
        ("url https://video.example.org/*", True),
        ("url https://video.example.org/xy", False),
        ("id ID", True),
    ],
)
def test_opt_out_before_any_contact(tmp_path: Path, wish: str, hit: bool) -> None:
    (tmp_path / "no.txt").write_text(f"# wishes\n\n{wish}  # asked in May\n")
    policy = Policy(opt_out=OptOutList.load(tmp_path / "no.txt"))
    if hit:
        with pytest.raises(OptedOut):
            check_before_contact(WEB, policy)
    else:
        check_before_contact(WEB, policy)


def test_opted_out_uploader() -> None:
    policy = Policy(licence="open", opt_out=OptOutList(frozenset({("uploader", "@anna")})))
    with pytest.raises(OptedOut, match="anna"):
        check_metadata(WEB, {"uploader_id": "@Anna"}, policy)
    assert check_metadata(WEB, {"uploader": "annabel"}, policy)


def test_wish_that_is_not_understood_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "no.txt").write_text("host a.org\nnot an address\n")
    with pytest.raises(ValueError, match=r"no\.txt:2"):
        OptOutList.load(tmp_path / "no.txt")


@pytest.mark.parametrize(
    "url",
    [
        "https://video.example.org/x?utm_source=a",
        "https://video.example.org/x?feature=b&si=c",
        "https://video.example.org/x?&utm_id=%7e",
    ],
)
def test_a_tracker_or_an_escape_does_not_get_round_the_opt_out(tmp_path: Path, url: str) -> None:
    """Addresses are fetched to the letter; wishes cover what is most probably the same."""
    (tmp_path / "no.txt").write_text("url https://video.example.org/x")
    policy = Policy(opt_out=OptOutList.load(tmp_path / "no.txt"))
    with pytest.raises(OptedOut):
        check_before_contact(Source("id", url, True), policy)
    check_before_contact(Source("id", "https://video.example.org/x?v=1", True), policy)

"""The ready source lists are lists that this program reads."""

from pathlib import Path

from harvest.sources.expand import expand

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_movement_words_are_searches() -> None:
    found = expand([EXAMPLES / "movement_words.yaml"])
    assert len(found) == 92  # as many as HMMR's authors name
    assert {(source.problem, source.max_entries, source.address.split("://")[0]) for source in found} == {
        (None, 50, "search")
    }
    assert all(source.tags == (source.address.removeprefix("search://"),) for source in found)


def test_open_hosts_are_understood_and_none_is_vouched_for_but_the_users_own() -> None:
    found = expand([EXAMPLES / "open_hosts.yaml"])
    assert [source.name for source in found if source.problem] == ["clips"]  # a folder that you have and we have not
    assert {source.host for source in found if source.licence} == {"s3:bucket"}

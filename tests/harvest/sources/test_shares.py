"""Whatever moment a run ends at, each entry of the list had its share of the videos."""

from hypothesis import given
from hypothesis import strategies as st

from harvest.sources.expand import Source, fair_order


def _pot(name: str, weight: float, count: int) -> list[Source]:
    return [Source(f"{name}{i}", f"http://x/{name}{i}", True, weight=weight, pot=name) for i in range(count)]


def test_three_to_one() -> None:
    order = fair_order(_pot("a", 1, 40) + _pot("b", 3, 40))
    assert [sum(source.pot == "b" for source in order[:n]) for n in (4, 8, 20)] == [3, 6, 15]


def test_without_weights_single_videos_keep_their_order() -> None:
    singles = [Source(str(i), f"http://x/{i}", True) for i in range(50)]
    assert fair_order(singles) == singles


@given(st.lists(st.tuples(st.floats(0.1, 10), st.integers(1, 30)), min_size=1, max_size=6), st.integers(1, 60))
def test_every_beginning_is_fair(pots: list[tuple[float, int]], first: int) -> None:
    sources = [source for i, (weight, count) in enumerate(pots) for source in _pot(f"{i}-", weight, count)]
    order = fair_order(sources)
    assert sorted(source.item_id for source in order) == sorted(source.item_id for source in sources)
    for name in {source.pot for source in sources}:
        assert [s for s in order if s.pot == name] == [s for s in sources if s.pot == name]
    taken = {f"{i}-": sum(source.pot == f"{i}-" for source in order[:first]) for i in range(len(pots))}
    for i, (weight, count) in enumerate(pots):
        for j, (other, _) in enumerate(pots):
            # a pot that still has videos is behind no other by more than one video of that other
            if taken[f"{i}-"] < count:
                assert taken[f"{j}-"] / other <= (taken[f"{i}-"] + 1) / weight + 1e-9

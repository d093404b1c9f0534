"""Tables of a page, as markup."""

from dashboard.tables import table


def test_heads_of_numbers_stand_over_them() -> None:
    made = str(table("Sources", ("name", "hours", "note"), [("a", 1.5, None), ("b", None, "old"), ("c", 3, True)]))
    assert '<th scope="col">name</th>' in made
    assert '<th scope="col" class="number">hours</th>' in made
    assert '<th scope="col">note</th>' in made

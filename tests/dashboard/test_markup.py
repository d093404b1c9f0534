"""HTML that escapes, tables, and numbers as people read them."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from dashboard.markup import Html, element, join, table


class Reader(HTMLParser):
    """What a browser would see: tags with their attributes, and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=40)


@given(child=WORDS, attribute=WORDS)
def test_whatever_a_stranger_writes_stays_text(child: str, attribute: str) -> None:
    reader = Reader()
    reader.feed(element("p", child, title=attribute))
    reader.close()
    assert reader.tags == [("p", {"title": attribute})]
    assert reader.text == child


def test_only_html_is_taken_as_markup() -> None:
    assert element("p", element("b", "x"), " & ", 3, None) == "<p><b>x</b> &amp; 3</p>"
    assert join(Html("<i>"), "<i>") == "<i>&lt;i&gt;"


def test_zero_is_written_and_false_is_not() -> None:
    assert element("option", "a", value=0, selected=False, hidden=None) == '<option value="0">a</option>'
    assert element("input", checked=True, aria_label="on") == '<input checked aria-label="on">'


def test_heads_of_numbers_stand_over_them() -> None:
    made = str(table("Sources", ("name", "hours", "note"), [("a", 1.5, None), ("b", None, "old"), ("c", 3, True)]))
    assert '<th scope="col">name</th>' in made
    assert '<th scope="col" class="number">hours</th>' in made
    assert '<th scope="col">note</th>' in made

from hypothesis import given
from hypothesis import strategies as st

from cli.common import plain


@given(st.text())
def test_nothing_is_left_that_a_terminal_acts_on(text: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in plain(text))


def test_words_of_any_language_stay() -> None:
    assert plain("Übung 体操\n\x1b[2J\x9b\u2028") == "Übung 体操\n\\u001b[2J\\u009b\\u2028"

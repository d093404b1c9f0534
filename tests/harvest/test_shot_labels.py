"""An array that grows, against a dict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvest.shot_labels import ByFrame


@given(st.integers(0, 500), st.lists(st.integers(0, 80), min_size=1, max_size=60))
def test_says_what_a_dict_says(first: int, later: list[int]) -> None:
    rows, plain = ByFrame((2,), np.float32), {}
    for k, n in enumerate([first, *(first + each for each in later)]):
        rows[n] = plain[n] = (k, -k)
    for n in range(max(0, first - 2), first + 100):
        if n in plain:
            np.testing.assert_array_equal(rows.between(n, n + 1), [plain[n]])
        else:
            with pytest.raises(KeyError):
                rows.between(n, n + 1)


def test_a_stretch_with_a_hole_is_refused() -> None:
    rows = ByFrame((), np.int64)
    rows[7], rows[8], rows[10] = 70, 80, 100
    assert rows.between(7, 9).tolist() == [70, 80]
    with pytest.raises(KeyError):
        rows.between(7, 11)
    with pytest.raises(ValueError, match="frame 6 is before frame 7"):
        rows[6] = 60

"""One way to compile a pixel loop: numba, cached on disk, typed for mypy."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """The function as machine code. Cached beside the source, so that only a machine's first run pays for it.

    No threads inside: films are made by processes, and two threads on a busy machine were 20 times slower than
    one (docs/films.md, threading trap).
    """
    return cast(_F, numba.njit(cache=True, fastmath=True, nogil=True)(function))

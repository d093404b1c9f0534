"""Body files from elsewhere: read if they are SMPL's, refused with a name and a reason if not."""

import pickle
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from body.safe_pickle import UnsafePickleError
from body.smpl_file import BodyFileError, read_body


@pytest.fixture
def arrays(random_body: Path) -> dict[str, np.ndarray]:
    with np.load(random_body) as stored:
        return {name: stored[name] for name in stored.files}


def fake_chumpy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Enough of chumpy to write what SMPL's authors wrote: an object whose state holds the array as `x`."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    return module


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_official_pickle_with_chumpy_and_sparse_arrays(
    arrays: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    chumpy, path = fake_chumpy(monkeypatch), tmp_path / "SMPL_NEUTRAL.pkl"
    entries = arrays | {
        "shapedirs": chumpy.Ch(arrays["shapedirs"]),
        "v_template": chumpy.Ch(arrays["v_template"]),
        "J_regressor": scipy.sparse.csc_matrix(arrays["J_regressor"]),
        "bs_style": "lbs",
    }
    path.write_bytes(pickle.dumps(entries, protocol))
    monkeypatch.undo()
    body = read_body(path)
    for name in ("shapedirs", "v_template", "J_regressor", "posedirs", "weights"):
        np.testing.assert_allclose(getattr(body, name), arrays[name])
    assert body.parents[0] == -1


def python_2_pickle(arrays: dict[str, np.ndarray]) -> bytes:
    """The opcodes that Python 2's numpy wrote at protocol 2, as in the official files: raw bytes in a `str`."""

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode("latin1")

    def integer(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    stream = b"\x80\x02}("
    for name, array in arrays.items():
        raw = array.astype("<f8").tobytes()
        shape = b"(" + b"".join(map(integer, array.shape)) + b"t"
        kind = b"cnumpy\ndtype\n" + text("f8") + integer(0) + integer(1) + b"\x87R"
        kind += b"(" + integer(3) + text("<") + b"NNN" + integer(-1) + integer(-1) + integer(0) + b"tb"
        stream += text(name)
        stream += (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + integer(0) + b"\x85" + text("b") + b"\x87R"
        )
        stream += b"(" + integer(1) + shape + kind + b"\x89" + b"T" + len(raw).to_bytes(4, "little") + raw + b"tb"
    return stream + b"u."


def test_a_pickle_of_python_2(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    path = tmp_path / "basicModel_f_lbs_10_207_0_v1.0.0.pkl"
    path.write_bytes(python_2_pickle(arrays))
    body = read_body(path)
    for name in ("shapedirs", "v_template", "J_regressor", "posedirs", "weights"):
        np.testing.assert_array_equal(getattr(body, name), arrays[name])
    assert body.faces.dtype == np.int64


class Attack:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.trace,))


@pytest.mark.parametrize("call", [None, (eval, ("1+1",)), (getattr, (np.ndarray, "tofile"))])
def test_a_pickle_that_runs_code_is_refused_and_nothing_runs(
    arrays: dict[str, np.ndarray], tmp_path: Path, call: tuple[object, ...] | None
) -> None:
    path, trace = tmp_path / "evil.pkl", tmp_path / "trace"
    attack = Attack(trace)
    if call is not None:
        attack = type("Call", (), {"__reduce__": lambda self: call})()
    path.write_bytes(pickle.dumps(arrays | {"v_template": attack}))
    with pytest.raises(UnsafePickleError, match=r"evil\.pkl: refused: asks for"):
        read_body(path)
    assert not trace.exists()


def test_a_reconstructor_makes_stand_ins_only(tmp_path: Path) -> None:
    path = tmp_path / "odd.pkl"
    path.write_bytes(b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.")
    with pytest.raises(UnsafePickleError, match=r"odd\.pkl"):
        read_body(path)


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1, 2]), pickle.dumps({"f": 1})[:-3]])
def test_damaged_pickles_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pkl"
    path.write_bytes(content)
    with pytest.raises(UnsafePickleError, match=r"broken\.pkl"):
        read_body(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "lacks weights"),
        ({"weights": np.ones((3, 24))}, "weights has shape"),
        ({"v_template": np.full((300, 3), np.nan)}, "v_template holds NaN"),
        ({"f": np.full((5, 3), 300)}, "faces name vertices"),
        ({"kintree_table": np.zeros((2, 52))}, "52 joints"),
        ({"shapedirs": np.array(["a", "b"])}, "shapedirs is not an array of numbers"),
        ({"v_template": np.array([None, {}], dtype=object)}, "not a readable"),
    ],
)
def test_what_does_not_fit_is_named(
    arrays: dict[str, np.ndarray], tmp_path: Path, change: dict[str, np.ndarray | None], message: str
) -> None:
    path = tmp_path / "odd.npz"
    merged = arrays | change
    np.savez(path, **{name: values for name, values in merged.items() if values is not None})
    with pytest.raises(BodyFileError, match=rf"odd\.npz: .*{message}"):
        read_body(path)


def test_a_file_that_is_no_npz_is_named(tmp_path: Path) -> None:
    path = tmp_path / "text.npz"
    path.write_text("hello")
    with pytest.raises(BodyFileError, match=r"text\.npz"):
        read_body(path)


BOMBS = {
    "memo": b"\x80\x02}r\xf0\xff\xff\x05.",
    "largest memo": b"\x80\x02}r\xf0\xff\xff\x7f.",
    "bytes": b"\x80\x05\x8e" + (1 << 40).to_bytes(8, "little") + b"x.",
    "bytearray": b"\x80\x05\x96" + (1 << 33).to_bytes(8, "little") + b"x.",
    "frame": b"\x80\x04\x95" + (1 << 40).to_bytes(8, "little") + b"x.",
    "array": b"cnumpy\nndarray\n((I1073741824\ntR.",
    "array without bytes": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I1073741824\ntS'b'\ntR.",
}
READ_BOMBS = """
import resource, sys
from pathlib import Path
if sys.argv[2] == "body":
    from body.smpl_file import read_body as read
else:
    from harvest.weights.safe_checkpoint import load_state_dict as read
for path in sorted(Path(sys.argv[1]).iterdir()):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read(path)
    except ValueError as error:
        assert str(path) in str(error), error
    else:
        raise SystemExit(f"{path.name} was read")
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert used < 200, f"{path.name}: {used} MB"
"""


@pytest.mark.parametrize("reader", ["body", "checkpoint"])
def test_a_few_bytes_take_no_gigabytes(tmp_path: Path, reader: str) -> None:
    for name, content in BOMBS.items():
        (tmp_path / f"{name}.pkl").write_bytes(content)
    command = [sys.executable, "-c", READ_BOMBS, str(tmp_path), reader]
    child = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    assert child.returncode == 0, child.stderr[-700:]

"""HMMR's TFRecords: messages built by Google's protobuf from the published field numbers, framed here."""

import struct
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.errors import BadDatasetError
from evaluation.readers.hmmr_tfrecord import read_hmmr_records
from evaluation.readers.tfrecord import crc32c, read_examples


def _example_class():
    """tf.train.Example by its public .proto (core/example/example.proto and feature.proto)."""
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="tf", syntax="proto3")
    kinds = {"BytesList": 12, "FloatList": 2, "Int64List": 3}
    for name, kind in kinds.items():
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=3)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(kinds, 1):
        field = {"BytesList": "bytes_list", "FloatList": "float_list", "Int64List": "int64_list"}[name]
        feature.field.add(name=field, number=number, type=11, label=1, type_name=f".tf.{name}", oneof_index=0)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=9, label=1)
    entry.field.add(name="value", number=2, type=11, label=1, type_name=".tf.Feature")
    features.field.add(name="feature", number=1, type=11, label=3, type_name=".tf.Features.FeatureEntry")
    example = file.message_type.add(name="Example")
    example.field.add(name="features", number=1, type=11, label=1, type_name=".tf.Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tf.Example"))


EXAMPLE = _example_class()


def _message(entries: dict[str, object]) -> bytes:
    example = EXAMPLE()
    for name, value in entries.items():
        feature = example.features.feature[name]
        if isinstance(value, list):
            feature.bytes_list.value.extend(value)
        elif np.asarray(value).dtype.kind == "f":
            feature.float_list.value.extend(np.asarray(value).ravel().tolist())
        else:
            feature.int64_list.value.extend(np.asarray(value).ravel().tolist())
    return example.SerializeToString()


def _crc(data: bytes) -> int:
    """CRC-32C by polynomial division of the reflected bits, another way than the reader's."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 * (value & 1))
        table.append(value)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return ~crc & 0xFFFFFFFF


def _frame(message: bytes) -> bytes:
    def masked(data: bytes) -> bytes:
        crc = _crc(data)
        return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

    length = struct.pack("<Q", len(message))
    return length + masked(length) + message + masked(message)


def _track(frames: int = 3, **changes: object) -> dict[str, object]:
    rng = np.random.default_rng(0)
    xys = rng.uniform(-1, 1, (frames, 2, 14)).astype(np.float32)
    entries: dict[str, object] = {
        "meta/N": [frames], "meta/has_3d": [0],
        "image/filenames": [f"{i}.jpg".encode() for i in range(frames)],
        "image/encoded": [b"\xff\xd8" + bytes([i]) for i in range(frames)],
        "image/heightwidths": np.full((frames, 2), 224), "image/centers": np.full((frames, 2), -112),
        "image/scale_factors": np.ones(frames), "image/crop_pts": np.zeros((frames, 2), int),
        "image/xys": xys, "image/visibilities": np.ones((frames, 1, 14), int),
        "image/face_pts": np.concatenate([np.full((frames, 2, 5), 0.5), np.ones((frames, 1, 5))], 1),
        "image/toe_pts": np.concatenate([np.full((frames, 2, 6), -0.5), np.zeros((frames, 1, 6))], 1),
        "image/phis": rng.normal(size=(frames, 2048)).astype(np.float32),
        "mosh/poses": np.full((frames, 72), -1.0), "mosh/shape": np.full(10, -1.0),
        "mosh/gt3ds": np.zeros((frames, 14, 3)),
    }  # fmt: skip
    entries["meta/N"], entries["meta/has_3d"] = np.array([frames]), np.array([0])
    return entries | changes


def test_checksum_is_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283 == _crc(b"123456789")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.floats(width=32, allow_nan=False)), st.lists(st.binary())
)
def test_every_example_reads_back(
    tmp_path_factory, integers: list[int], floats: list[float], texts: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("records") / "a.tfrecord"
    entries = {"i": np.array(integers, np.int64), "f": np.array(floats, np.float32), "b": texts}
    path.write_bytes(_frame(_message(entries)) * 2)
    examples = list(read_examples(path))
    assert len(examples) == 2
    assert np.asarray(examples[1]["i"]).tolist() == integers
    assert np.asarray(examples[1]["f"]).tolist() == floats
    assert list(examples[1]["b"]) == texts


def test_tracks_in_universal_order_and_pixels(tmp_path: Path) -> None:
    entries = _track()
    path = tmp_path / "train_000.tfrecord"
    path.write_bytes(_frame(_message(entries)) + _frame(_message(_track(5))))
    first, second = read_hmmr_records(path, "train")
    assert (first.sequence.name, len(first.sequence), len(second.sequence)) == ("train_000/0", 3, 5)
    points = first.sequence.joints_2d.points
    np.testing.assert_allclose(points[:, :14, :2], (entries["image/xys"].transpose(0, 2, 1) + 1) * 112, rtol=1e-6)
    assert points[0, 14:19].tolist() == [[168.0, 168.0, 1.0]] * 5
    assert points[0, 19:].tolist() == [[56.0, 56.0, 0.0]] * 6
    np.testing.assert_array_equal(first.phi, entries["image/phis"])
    assert first.jpegs[2] == b"\xff\xd8\x02"
    assert first.sequence.joints_3d is None
    assert first.sequence.body is None


def test_truth_is_read_where_the_record_has_it(tmp_path: Path) -> None:
    truth, poses = np.random.default_rng(1).normal(size=(3, 14, 3)), np.random.default_rng(2).normal(size=(3, 72))
    entries = _track() | {
        "meta/has_3d": np.array([1]),
        "mosh/gt3ds": truth,
        "mosh/poses": poses,
        "mosh/shape": np.ones(10),
    }
    path = tmp_path / "a.tfrecord"
    path.write_bytes(_frame(_message(entries)))
    (record,) = read_hmmr_records(path)
    np.testing.assert_allclose(record.sequence.joints_3d.points, truth, rtol=1e-6)
    assert record.sequence.joints_3d.names[2:4] == ("right_hip", "left_hip")
    np.testing.assert_allclose(record.sequence.body.axis_angles.reshape(3, 72), poses, rtol=1e-6)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-40], "ends in the middle"),
        (lambda data: b"\0" + data, "checksum"),
        (lambda data: b"plain text, no record", "checksum"),
        (lambda data: data[:10] + b"zz" + data[12:], "checksum"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage, words: str) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(damage(_frame(_message(_track()))))
    with pytest.raises(BadDatasetError, match=words):
        list(read_hmmr_records(path))


def test_a_missing_or_short_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    for change, words in (({"image/xys": np.ones(5)}, "image/xys has 5 values"), ({"image/xys": None}, "no image/xys")):
        entries = {key: value for key, value in (_track() | change).items() if value is not None}
        path.write_bytes(_frame(_message(entries)))
        with pytest.raises(BadDatasetError, match=words):
            list(read_hmmr_records(path))

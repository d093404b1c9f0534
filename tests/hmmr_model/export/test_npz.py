from pathlib import Path

import numpy as np

from hmmr_model.export.npz import write_npz

PER_FRAME = {
    "rotations": (24, 3, 3), "poses": (72,), "betas": (10,), "camera": (3,), "translation": (3,), "joints": (24, 3),
    "keypoints_3d": (25, 3), "keypoints_2d": (25, 2),
}  # fmt: skip


def test_the_file_holds_the_named_arrays(make_person, tmp_path: Path) -> None:
    person = make_person(20)
    with np.load(write_npz(person, tmp_path / "motion_0.npz"), allow_pickle=False) as stored:
        names = {prefix + name for prefix in ("", "past_", "future_") for name in PER_FRAME}
        assert set(stored.files) == names | {
            "frame_index", "pts", "time_base", "seconds", "contact", "confidence", "bridged", "focal", "focal_assumed",
            "frame_size",
        }  # fmt: skip
        for prefix in ("", "past_", "future_"):
            for name, shape in PER_FRAME.items():
                assert stored[prefix + name].shape == (20, *shape)
        np.testing.assert_array_equal(stored["joints"], person.now.joints)
        np.testing.assert_array_equal(stored["past_keypoints_3d"], person.past.keypoints_3d)
        np.testing.assert_array_equal(stored["time_base"], [1, 12800])
        np.testing.assert_array_equal(stored["frame_index"], np.arange(3, 23))
        assert stored["focal"] == 400

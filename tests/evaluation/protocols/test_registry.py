"""Protocols as data: complete, in words, and refused where they do not fit."""

from dataclasses import replace
from pathlib import Path

import pytest

from body.joints import KEYPOINTS_25, SMPL_24
from evaluation.errors import ProtocolMismatchError
from evaluation.joint_sets import H36M_REGRESSOR_14, H36M_REGRESSOR_17, MPI3D_17
from evaluation.protocols.describe import all_in_words, in_words
from evaluation.protocols.registry import HMMR_2019, OPEN_V1, PROTOCOLS, SPIN, check_fits, protocol_named
from evaluation.score import score_sequences

SETS = {
    "keypoints_25": KEYPOINTS_25, "h36m_regressor": H36M_REGRESSOR_17, "smpl_24": SMPL_24, "mpi3d_17": MPI3D_17,
}  # fmt: skip


def test_the_eight_protocols_are_there_under_their_ids() -> None:
    wanted = {"hmmr_2019", "spin", "vibe", "official_3dpw", "h36m_p1", "h36m_p2", "mpi_inf_3dhp", "open_v1"}
    assert set(PROTOCOLS) == wanted
    assert all(name == protocol.id for name, protocol in PROTOCOLS.items())


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_hazard_17_every_joint_and_root_is_a_name_of_its_set(protocol) -> None:
    assert {*protocol.joints, *protocol.root} <= set(SETS[protocol.joint_set])
    assert len(set(protocol.joints)) == len(protocol.joints)


def test_hazard_16_joints_of_different_sets_are_never_compared() -> None:
    with pytest.raises(ProtocolMismatchError, match="13 cm"):
        check_fits(SPIN, "3dpw", "keypoints_25")
    with pytest.raises(ProtocolMismatchError, match="not for films"):
        check_fits(SPIN, "films", "h36m_regressor")
    check_fits(OPEN_V1, "films", "keypoints_25")


def test_hazard_14_every_protocol_says_which_body_the_truth_has() -> None:
    assert "gendered" in SPIN.ground_truth
    assert all(protocol.ground_truth for protocol in PROTOCOLS.values())


def test_published_rows_only_of_the_same_data() -> None:
    assert {row.dataset for row in HMMR_2019.published_for("h36m")} == {"h36m"}
    assert [row.metrics["mpjpe_mm"] for row in HMMR_2019.published_for("3dpw")] == [116.5, 116.88, 128.03]
    assert OPEN_V1.published_for("films") == ()


def test_the_14_of_every_paper_are_the_regressors_rows_by_name() -> None:
    rows = [6, 5, 4, 1, 2, 3, 16, 15, 14, 11, 12, 13, 8, 10]
    assert tuple(H36M_REGRESSOR_17[row] for row in rows) == H36M_REGRESSOR_14


def test_protocol_2_has_the_frontal_camera_only(make_labels) -> None:
    labels = {camera: make_labels(f"S9/Walking/{camera}", 4) for camera in ("54138969", "60457274")}
    scores = score_sequences({name: label.keypoints_3d for name, label in labels.items()}, labels, HMMR_2019)
    assert [(score.sequence, score.n_frames) for score in scores] == [("S9/Walking", 4)]


def test_unknown_ids_list_the_known() -> None:
    with pytest.raises(ProtocolMismatchError, match=r"no protocol 'mpjpe'; known are open_v1, hmmr_2019"):
        protocol_named("mpjpe")


def test_words_say_what_changes_a_number() -> None:
    words = in_words(HMMR_2019)
    for fact in ("right_heel", "more than 6 of the 14", "unweighted mean over sequences", "no mirror", "116.5"):
        assert fact in words
    assert "every 5th" not in in_words(replace(HMMR_2019, notes=""))


def test_the_page_in_docs_is_what_the_command_prints() -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "protocols.md"
    assert page.read_text() == all_in_words(PROTOCOLS.values())

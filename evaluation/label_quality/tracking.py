"""HOTA, IDF1 and identity switches by TrackEval (Luiten et al., IJCV 2021), against known identities.

Letters as in people.py. Boxes are those around all joints, similarity is their overlap, so no box is asked to be tight.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from body.boxes import iou_matrix
from evaluation.label_quality.people import Labelled, Track, Truth, joint_boxes
from evaluation.label_quality.table import Table, Value, from_rows, with_before

Film = tuple[Truth, Labelled]


def tracking_table(
    by_kind: Mapping[str, Sequence[Film]], note: str, before: Mapping[str, Sequence[Film]] | None = None
) -> Table:
    """One row for each kind of film, and one for all. `before`: other labels of the same films, for columns of their
    own."""
    rows = _kind_rows(by_kind)
    if before is not None:
        rows = with_before(rows, _kind_rows(before))
    return from_rows("tracking", "Tracking, by kind of film", note, rows, of="films of", bar="HOTA")


def _kind_rows(by_kind: Mapping[str, Sequence[Film]]) -> dict[str, dict[str, Value]]:
    rows = {kind: tracking_row(films) for kind, films in by_kind.items() if films}
    return rows | {"all": tracking_row([film for films in by_kind.values() for film in films])}


def tracking_row(films: Sequence[Film]) -> dict[str, Value]:
    """HOTA, IDF1, MOTA and counts over all films. Each film has identities of its own.

    ImportError says how to get TrackEval.
    """
    results = [[kind.eval_sequence(_sequence(*film)) for kind in _metrics()] for film in films]
    hota, clear, identity = (
        kind.combine_sequences({str(i): result[k] for i, result in enumerate(results)})
        for k, kind in enumerate(_metrics())
    )
    return {
        "films": len(films), "HOTA": float(np.mean(hota["HOTA"])), "IDF1": float(identity["IDF1"]),
        "MOTA": float(clear["MOTA"]), "identity switches": int(clear["IDSW"]), "misses": int(clear["CLR_FN"]),
        "false people": int(clear["CLR_FP"]), "person-frames": int(clear["CLR_TP"] + clear["CLR_FN"]),
    }  # fmt: skip


def _metrics() -> list[Any]:
    try:
        from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise ImportError("tracking scores need TrackEval: pip install 'hmmr-harvest[benchmarks]'") from error
    quiet = {"PRINT_CONFIG": False}
    return [HOTA(), CLEAR(quiet), Identity(quiet)]


def _sequence(truth: Truth, labelled: Labelled) -> dict[str, Any]:
    """TrackEval's form. A label of somebody who is in the scene but need not be seen is left out, as TrackEval's own
    preparation does with distractors."""
    gt_ids, tr_ids, scores = [], [], []
    seen_PF, boxes = truth.seen, [joint_boxes(track.joints_TJ3) for track in labelled.tracks]
    for f in range(len(truth.shots_F)):
        people = np.flatnonzero(truth.present_PF[:, f])
        rows = [(i, at) for i, track in enumerate(labelled.tracks) if (at := _row(track, f)) is not None]
        labels_N4 = np.array([boxes[i][t] for i, t in rows]).reshape(-1, 4)
        overlap_PN = iou_matrix(joint_boxes(truth.joints_PFJ3[people, f]), labels_N4)
        seen_P = seen_PF[people, f]
        best_N = overlap_PN.argmax(axis=0) if len(people) else np.zeros(len(rows), int)
        spare = [bool(len(people)) and not seen_P[p] and overlap_PN[p, n] >= 0.5 for n, p in enumerate(best_N)]
        kept_N = ~np.array(spare, dtype=bool)
        gt_ids.append(people[seen_P])
        tr_ids.append(np.array([i for i, _ in rows], dtype=int)[kept_N])
        scores.append(overlap_PN[seen_P][:, kept_N])
    return {
        "num_timesteps": len(gt_ids), "num_gt_ids": len(truth.present_PF), "num_tracker_ids": len(labelled.tracks),
        "num_gt_dets": sum(map(len, gt_ids)), "num_tracker_dets": sum(map(len, tr_ids)),
        "gt_ids": gt_ids, "tracker_ids": tr_ids, "similarity_scores": scores,
    }  # fmt: skip


def _row(track: Track, frame: int) -> int | None:
    at = int(np.searchsorted(track.frames_T, frame))
    observed = at < len(track.frames_T) and track.frames_T[at] == frame and bool(track.observed_T[at])
    return at if observed else None

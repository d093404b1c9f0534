"""Numbers that others printed, for reference beside the scores. Sources: the HMMR paper (CVPR 2019) and the released
code's doc/eval.md, as quoted in evaluation/protocols/published.py, which holds more rows under their protocols."""

PUBLISHED: tuple[tuple[str, str, float, float, str], ...] = (
    ("HMMR, the paper", "3DPW", 116.5, 72.6, "CVPR 2019, headline"),
    ("HMMR, released checkpoint", "3DPW", 116.88, 72.66, "human_dynamics, doc/eval.md"),
    ("HMMR without MoSh", "3DPW", 128.03, 77.31, "human_dynamics, doc/eval.md"),
    ("HMMR, the paper", "Human3.6M", 83.7, 56.9, "CVPR 2019, headline"),
    ("HMMR without MoSh", "Human3.6M", 88.95, 59.39, "human_dynamics, doc/eval.md"),
)
"""Model, test set, MPJPE mm, PA-MPJPE mm, where it was printed."""

"""The evaluator: metrics, protocols, benchmark readers, baselines, and the check that test video was not trained on."""

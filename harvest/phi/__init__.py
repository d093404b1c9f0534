"""Image features φ(I), from which the temporal model predicts. One protocol, one file for each φ."""

"""HMMR: the network, its losses, the pose prior, training, prediction, export."""

"""Export of predictions: arrays, BVH, glTF, a video, and a photograph's strip."""

"""What a prediction is taken away as: arrays, BVH, glTF, a video and a photograph's strip."""

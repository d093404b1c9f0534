"""The main job on films made here: harvest, train, evaluate, report."""

"""Films with known 3D: procedural motion, wardrobe, scenes, ground truth."""

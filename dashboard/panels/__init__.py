"""The parts of the page, one a file: each is a function of a LakeView and gives a Panel."""

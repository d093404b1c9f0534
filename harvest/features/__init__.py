"""Another image feature φ for tracklets that a lake has already: which lack it, one video's rows, many videos."""

"""2D backends: who is in a frame, and where their joints are. One protocol, one file each."""

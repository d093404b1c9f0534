"""A video file as timed pictures and shots."""

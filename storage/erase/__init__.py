"""Taking a source out of a lake for good."""

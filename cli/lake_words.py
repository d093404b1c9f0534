"""Numbers with their nouns, as people write them."""


def counted(count: int, noun: str) -> str:
    """`1 tracklet`, `2 tracklets`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

"""A program: pictures of a video by their index, through decord. It is run as a process of its own, with limits
(harvest/video/random_access.py), because a hostile file may bring its decoder down or fill the memory; so this file
imports nothing of ours.

    python -I decord_child.py VIDEO INDICES.npy

Writes one line of JSON to stdout (`count`: pictures that decord sees; `seconds`: when the first picture and each wanted
one is shown; `size`: height and width), then each wanted picture as RGB bytes, in the order asked for.
"""

import json
import sys

import numpy as np


def main(video: str, indices: str) -> None:
    """See the file's head. Any exception ends the process with an error code."""
    import decord

    decord.logging.set_level(decord.logging.FATAL)
    # one thread: more would decode ahead; a recovered picture, which is a neighbour's copy, is an error
    reader = decord.VideoReader(video, num_threads=1, fault_tol=1)
    wanted = np.load(indices, allow_pickle=False)
    count = len(reader)
    if not len(wanted) or int(wanted.min()) < 0 or int(wanted.max()) >= count:
        raise SystemExit("an index beyond the file's pictures")
    seconds = reader.get_frame_timestamp([0, *wanted.tolist()])[:, 0].tolist()
    out, size = sys.stdout.buffer, None
    for index in wanted.tolist():
        picture = reader[index].asnumpy()
        if size is None:
            size = picture.shape[:2]
            out.write(json.dumps({"count": count, "seconds": seconds, "size": size}).encode() + b"\n")
        if picture.shape != (*size, 3):
            raise SystemExit("pictures of two sizes")
        out.write(np.ascontiguousarray(picture).data)
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""What it gains that a network actor answers many decoding actors at once: `python bench/engines.py`.

The network is a stand-in that costs so many ms a call and so many a frame, as a GPU's does; no GPU is needed. Each of
the decoders asks frame by frame, as people are followed. Compared: a network that takes one frame a call, as worker
processes with networks of their own use one GPU, and one that takes what is waiting (`Batches`, the inside of a network
actor). All run in one process: Ray's transport of frames is not in these figures.
"""

import argparse
import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harvest.ray_engine import Batches


async def measure(decoders: int, frames: int, call_s: float, frame_s: float, most: int) -> tuple[float, float]:
    """Frames a second over all decoders, and frames a call."""

    def answer(questions: list[Any]) -> list[Any]:
        time.sleep(call_s + frame_s * len(questions))
        return questions

    batches = Batches(answer, most, ThreadPoolExecutor(1))

    async def follow() -> None:
        for n in range(frames):
            assert await batches.ask([n]) == [n]

    began = time.perf_counter()
    await asyncio.gather(*(follow() for _ in range(decoders)))
    return decoders * frames / (time.perf_counter() - began), batches.questions / batches.calls


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decoders", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--frames", type=int, default=20, help="of each decoder")
    parser.add_argument("--call-ms", type=float, default=20.0)
    parser.add_argument("--frame-ms", type=float, default=0.2)
    given = parser.parse_args()
    print(f"a call costs {given.call_ms:g} ms, a frame {given.frame_ms:g} ms more\n")
    print("| decoders | frames/s, one a call | frames/s, what waits | frames a call |\n|---|---|---|---|")
    for decoders in given.decoders:
        alone, joined = (
            asyncio.run(measure(decoders, given.frames, given.call_ms / 1e3, given.frame_ms / 1e3, most))
            for most in (1, 64)
        )
        print(f"| {decoders} | {alone[0]:.1f} | {joined[0]:.1f} | {joined[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()

"""What it gains that a network actor answers many decoding actors at once: `python bench/engines.py`.

The network is a stand-in that costs so many ms a call and so many a frame, as a GPU's does; no GPU is needed. Each of
the decoders asks frame by frame, as people are followed. Compared: a network that takes one frame a call, which is what
worker processes with networks of their own make of one GPU, and one that takes what is waiting (--engine ray).
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray

from harvest.ray_engine import Batches


class StandIn:
    """A network actor whose answers are the questions."""

    def __init__(self, call_s: float, frame_s: float, most: int) -> None:
        def answer(questions: list[Any]) -> list[Any]:
            time.sleep(call_s + frame_s * len(questions))
            return questions

        self._batches = Batches(answer, most, ThreadPoolExecutor(1))

    async def ask(self, frame: int) -> int:
        """One frame of one video."""
        (answer,) = await self._batches.ask([frame])
        return int(answer)

    async def calls(self) -> int:
        """So far."""
        return self._batches.calls


class Decoder:
    """Asks about each frame after the answer for the one before."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def follow(self, frames: int) -> int:
        """Returns how many frames were answered."""
        return sum(ray.get(self._network.ask.remote(n)) == n for n in range(frames))


def measure(decoders: int, frames: int, call_s: float, frame_s: float, most: int) -> tuple[float, float]:
    """Frames a second over all decoders, and frames a call."""
    network = ray.remote(StandIn).options(num_cpus=0).remote(call_s, frame_s, most)
    actors = [ray.remote(Decoder).options(num_cpus=0).remote(network) for _ in range(decoders)]
    ray.get([actor.follow.remote(1) for actor in actors])  # all have started
    before, began = ray.get(network.calls.remote()), time.perf_counter()
    done = sum(ray.get([actor.follow.remote(frames) for actor in actors]))
    seconds, calls = time.perf_counter() - began, ray.get(network.calls.remote()) - before
    for actor in (*actors, network):
        ray.kill(actor)
    return done / seconds, done / calls


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decoders", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--frames", type=int, default=50, help="of each decoder")
    parser.add_argument("--call-ms", type=float, default=20.0)
    parser.add_argument("--frame-ms", type=float, default=0.2)
    given = parser.parse_args()
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    print(f"a call costs {given.call_ms:g} ms, a frame {given.frame_ms:g} ms more")
    print("decoders | frames/s, one a call | frames/s, what waits | frames a call")
    for decoders in given.decoders:
        alone, joined = (
            measure(decoders, given.frames, given.call_ms / 1e3, given.frame_ms / 1e3, most) for most in (1, 64)
        )
        print(f"{decoders:8d} | {alone[0]:20.1f} | {joined[0]:20.1f} | {joined[1]:.1f}", flush=True)
    ray.shutdown()


if __name__ == "__main__":
    main()

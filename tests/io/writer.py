"""Writes one checkpoint after the other, is killed at a random moment, and looks at what is left: again and again.

Run by test_killed.py in a process of its own: ``python writer.py FOLDER ROUNDS KEEP``. Each round is a forked child, so
that Python starts once only. Prints how many rounds there were, how many checkpoints were written, and how many
temporary files the killed ones left.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import graphgrad as gg

SIZE = 20_000


def save(path: Path, keep: int, number: int) -> None:
    weights = gg.tensor(np.full(SIZE, number, np.float64))
    gg.io.save_checkpoint(path, keep=keep, number=number, weights=weights)


def written(path: Path) -> int:
    """The number in a checkpoint, which has to be whole."""
    found = gg.io.load_checkpoint(path)
    assert found["weights"].tolist() == [float(found["number"])] * SIZE
    return found["number"]


def main(folder: Path, rounds: int, keep: int) -> None:
    rng = random.Random(0)
    path = folder / "run.safetensors"
    save(path, keep, 0)
    written(path)  # all is imported now, what is needed for it
    last = total = 0
    for turn in range(rounds):
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reads)
            number = last
            if turn % 2:  # what matters to the power doesn't to a kill: without it more of the other moments are met
                os.fsync = lambda fd: None
            while True:
                number += 1
                save(path, keep, number)
                os.write(writes, b".")  # from here on, this one has to be there
        os.close(writes)
        time.sleep(rng.uniform(0.0, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        done = 0
        while chunk := os.read(reads, 65536):
            done += len(chunk)
        os.close(reads)
        found = written(path)
        assert last + done <= found <= last + done + 1, (last, done, found)
        for number in range(1, keep + 1):
            earlier = path.with_name(f"run.{number}.safetensors")
            if earlier.exists():
                assert written(earlier) <= found
        last, total = found, total + done
    left = len(list(folder.glob(".run.safetensors.*")))
    print(rounds, total, left)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

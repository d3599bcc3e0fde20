"""Run the benchmarks: ``python -m tests.benchmarks [NAME ...] [--case TEXT] [--json FILE] [--rounds N]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphgrad.files import write

from .harness import measure

GROUPS = ("chain", "fitting", "kernels", "scalars", "walking")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(GROUPS)}; all if none")
    parser.add_argument("--case", metavar="TEXT", default="", help="only cases whose name contains this")
    parser.add_argument("--json", type=Path, help="write all times to this file")
    parser.add_argument("--rounds", type=int, help="how many runs count, instead of as many as suit each case")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in GROUPS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(GROUPS)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error(f"--rounds is a number from 1, got {options.rounds}")
    results = []
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} processors; medians")
    for name in options.names or GROUPS:
        group = importlib.import_module(f".{name}", __package__)
        if hasattr(group, "run"):  # it measures in a way of its own
            results += group.run(options.rounds, options.case)
            continue
        cases = [case for case in group.CASES if options.case in case.name]
        if options.case and not cases:
            continue
        group.check()
        for case in cases:
            result = measure(case, options.rounds)
            print("", *result.rows(), sep="\n", flush=True)
            results.append({"case": case.name, "seconds": result.times})
        for note in getattr(group, "notes", list)():
            print("", note, sep="\n", flush=True)
    if options.json:
        write(options.json, json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

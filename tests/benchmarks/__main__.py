"""Run the benchmarks: ``python -m tests.benchmarks [NAME ...] [--json FILE] [--rounds N]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import tempfile
from pathlib import Path

import numpy as np

from .harness import measure

GROUPS = ("chain", "walking")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*GROUPS, []], help="groups to run; all if none is named")
    parser.add_argument("--json", type=Path, help="write all times to this file")
    parser.add_argument("--rounds", type=int, default=41)
    options = parser.parse_args()
    results = []
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {os.cpu_count()} processors")
    for name in options.names or GROUPS:
        group = importlib.import_module(f".{name}", __package__)
        group.check()
        for case in group.CASES:
            result = measure(case, options.rounds)
            print("\n".join(result.rows()))
            results.append({"case": case.name, "seconds": dict(result.seconds), "times": dict(result.times)})
    if options.json:
        with tempfile.NamedTemporaryFile("w", dir=options.json.parent, delete=False) as file:
            json.dump(results, file, indent=1)
        os.replace(file.name, options.json)


if __name__ == "__main__":
    main()

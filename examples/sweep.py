"""Search for a learning rate and a size on a Dask cluster: two worker processes, which this script starts itself.

    pip install 'graphgrad[sweep]'
    python examples/sweep.py
    python examples/sweep.py --trials 40 --journal digits.jsonl
    python examples/sweep.py --cluster tcp://10.0.0.5:8786

The third line can be stopped at any moment: given again, it goes on with what is left. The last one uses a cluster that
runs already.
"""

import argparse
import sys
from contextlib import nullcontext
from typing import Any

import graphgrad as gg
from graphgrad.nn.functional import cross_entropy


def train_and_validate(lr: float, hidden: int) -> dict[str, Any]:
    images, labels = gg.datasets.digits("train")
    model = gg.nn.Sequential(gg.nn.Linear(64, hidden), gg.nn.ReLU(), gg.nn.Linear(hidden, 10))
    optimizer = gg.optim.Adam(model.parameters(), lr=lr)
    gg.train.fit(model, images[:1000], labels[:1000], loss=cross_entropy, optimizer=optimizer, epochs=3, progress=False)
    return gg.train.evaluate(model, images[1000:], labels[1000:], loss=cross_entropy)


def main() -> None:
    parser = argparse.ArgumentParser(description="Search for hyper-parameters on a Dask cluster.")
    parser.add_argument("--trials", type=int, default=12, help="how many points to try")
    parser.add_argument("--cluster", help="the address of a cluster that runs already")
    parser.add_argument("--journal", help="a file for finished trials, to go on after a stop")
    args = parser.parse_args()
    try:
        import distributed
    except ImportError:
        sys.exit("this example needs Dask: pip install 'graphgrad[sweep]'")

    space = {"lr": gg.train.loguniform(1e-4, 1.0), "hidden": gg.train.integers(4, 64, log=True)}
    start: Any = distributed.LocalCluster
    own = None if args.cluster else start(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with own or nullcontext(args.cluster) as cluster:
        trials = gg.train.random_search(
            train_and_validate, space, args.trials, monitor="loss", seed=0, cluster=cluster, journal=args.journal
        )
    print(trials)
    print(f"\nbest: {trials.best.parameters}")


if __name__ == "__main__":  # worker processes import this file
    main()

"""Separate two moons with a network of single numbers, then look at how it judges one point.

    python examples/moons_scalars.py
    python examples/moons_scalars.py --image boundary.svg
    graphgrad walk examples/moons_scalars.py
    graphgrad walk examples/moons_scalars.py -- --hidden 4

This is micrograd's demo. The loss is plain Python on some 65,000 numbers, each a node of the graph; `compile_scalars`
records it once and runs it again for every step, in a millisecond. In the end one point goes through the trained
network as it would in micrograd: the third line walks through that pass, forward and back, and the last one does so
for a network that is small enough to be seen whole.
"""

import argparse
import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.text import Text

import graphgrad as gg
from graphgrad.files import write
from graphgrad.nn.scalar import MLP, Value
from graphgrad.render.png import raster

Array = npt.NDArray[np.float64]

LEFT, RIGHT, BOTTOM, TOP = -1.6, 2.6, -1.1, 1.6  # what the pictures show
INK = {1: "#0072b2", -1: "#d55e00"}  # the two moons
SHADES = ("#f2b48a", "#fae3d3", "#d6e6f2", "#94c1e0")  # surely one moon, rather one, rather the other, surely the other


def two_moons(count: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points on two half circles that reach into each other, and on which of them each lies: 1 or -1."""
    side = np.where(np.arange(count) % 2, 1.0, -1.0)
    angle = rng.uniform(0, np.pi, count)
    x = np.where(side > 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(side > 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x, y], axis=1) + rng.normal(0, noise, (count, 2)), side


def grid(columns: int, rows: int) -> Array:
    """The middles of the cells of a picture, row by row from the top."""
    x = LEFT + (np.arange(columns) + 0.5) / columns * (RIGHT - LEFT)
    y = TOP - (np.arange(rows) + 0.5) / rows * (TOP - BOTTOM)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def cells(points: Array, columns: int, rows: int) -> Array:
    """Column and row of each point in such a picture."""
    return (points - (LEFT, TOP)) / (RIGHT - LEFT, BOTTOM - TOP) * (columns, rows)


def text_picture(scores: Array, points: Array, sides: Array) -> Text:
    """The boundary in characters: dotted where the score is positive, and the points of both moons."""
    rows, columns = scores.shape
    signs = [["░" if score > 0 else " " for score in row] for row in scores]
    inks = [[SHADES[3]] * columns for _ in range(rows)]
    for (x, y), side in zip(cells(points, columns, rows).astype(int), sides, strict=True):
        signs[y][x], inks[y][x] = ("●", INK[1]) if side > 0 else ("○", INK[-1])
    picture = Text(no_wrap=True)
    for row in range(rows):
        for column in range(columns):
            shade = SHADES[2 if scores[row, column] > 0 else 1]
            picture.append(signs[row][column], f"{inks[row][column]} on {shade}")
        picture.append("\n")
    return picture


def svg_picture(scores: Array, points: Array, sides: Array, size: int = 2) -> str:
    """The boundary as an image: a shade for each range of scores, which end at the margins -1 and 1."""
    rows, columns = scores.shape
    shade = np.digitize(scores, (-1, 0, 1))
    paths = [""] * len(SHADES)
    for y, row in enumerate(shade):
        ends = [0, *(np.flatnonzero(np.diff(row)) + 1), columns]
        for x, end in pairwise(ends):
            paths[row[x]] += f"M{x} {y}h{end - x}v1h{x - end}z"
    shapes = [f'<path fill="{fill}" d="{path}"/>' for fill, path in zip(SHADES, paths, strict=True)]
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 / size}" fill="{INK[int(side)]}" stroke="white" stroke-width="0.6"/>'
        for (x, y), side in zip(cells(points, columns, rows), sides, strict=True)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * size}" height="{rows * size}"'
    return "\n".join(
        [
            f'{head} viewBox="0 0 {columns} {rows}">',
            "<title>Two moons and the boundary that a network of scalars drew</title>",
            '<g shape-rendering="crispEdges">',
            *shapes,
            "</g>",
            *dots,
            "</svg>\n",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Separate two moons with a network of single numbers.")
    parser.add_argument("--steps", type=int, default=100, help="how many steps to train")
    parser.add_argument("--hidden", type=int, default=16, help="how many neurons each of the two hidden layers has")
    parser.add_argument("--seed", type=int, default=1337, help="the same seed gives the same points and network")
    parser.add_argument("--image", type=Path, metavar="FILE", help="write the boundary to this .svg or .png")
    args = parser.parse_args()
    if args.image is not None and args.image.suffix not in (".svg", ".png"):
        parser.error(f"--image: a file that ends in .svg or .png, got {args.image}")

    random.seed(args.seed)
    points, sides = two_moons(100, noise=0.1, rng=np.random.default_rng(args.seed))
    model = MLP(2, [args.hidden, args.hidden, 1])

    @gg.compile_scalars
    def score(parameters: Sequence[Any], point: Sequence[Any]) -> Any:
        """Positive for one moon, negative for the other."""
        return model.with_parameters(parameters)(point)

    @gg.compile_scalars
    def loss(parameters: Sequence[Any], points: Sequence[Any], sides: Sequence[Any]) -> Any:
        """Each score should be on its side of 0 by a margin of 1; and the parameters small."""
        network = model.with_parameters(parameters)
        margins = [gg.relu(1 - side * network(point)) for point, side in zip(points, sides, strict=True)]
        return sum(margins) / len(margins) + 1e-4 * sum(p * p for p in parameters)

    parameters = np.array([p.data for p in model.parameters()])
    print(f"a network 2-{args.hidden}-{args.hidden}-1 with {len(parameters)} parameters")
    for step in range(args.steps + 1):
        value, (gradient, _, _) = loss.value_and_grad(parameters, points, sides)
        if step % 20 == 0 or step == args.steps:
            right = np.mean(score.batch(parameters, points, in_axes=(None, 0)) * sides > 0)
            print(f"step {step:3}   loss {value:.4f}   {right:4.0%} of the points on the right side")
        parameters -= (1 - 0.9 * step / args.steps) * gradient

    def scores(columns: int, rows: int) -> Array:
        found: Array = score.batch(parameters, grid(columns, rows), in_axes=(None, 0))
        return found.reshape(rows, columns)

    print()
    Console(highlight=False).print(text_picture(scores(64, 21), points, sides))
    if args.image is not None:
        svg = svg_picture(scores(420, 270), points, sides)
        print("written:", write(args.image, svg if args.image.suffix == ".svg" else raster(svg, scale=2)))

    # The hardest point, as in micrograd: each number is a Value and keeps its gradient.
    for parameter, number in zip(model.parameters(), parameters, strict=True):
        parameter.data = number
    hardest = np.argmin(score.batch(parameters, points, in_axes=(None, 0)) * sides)
    x, y = Value(points[hardest, 0], label="x"), Value(points[hardest, 1], label="y")
    margin = sides[hardest] * model([x, y])
    margin.backward()
    print(f"The hardest point is ({x.data:.2f}, {y.data:.2f}), on the right side by {margin.data:+.2f}.")
    print(f"That grows fastest along (∂margin/∂x, ∂margin/∂y) = ({x.grad:+.2f}, {y.grad:+.2f}).")
    print("\nTo walk through this pass, number by number: graphgrad walk examples/moons_scalars.py")


if __name__ == "__main__":
    main()

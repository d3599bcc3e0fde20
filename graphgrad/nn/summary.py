"""What a model is made of, layer by layer, as rows, totals and a table (P25.05)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphgrad.graph.errors import describe

__all__ = ["LayerSummary", "Summary"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One row of a summary: a module, with those inside it that have no row of their own.

    Attributes
    ----------
    name, type
        Its path, such as ``"encoder.linear1"``, empty for the model itself; and its class.
    level
        How deep it is inside the model: 1 for the model's own layers, 0 for the model.
    calls
        How often it ran.
    output_shapes
        Shapes of what its last call gave.
    parameters, trainable
        How many numbers its parameters have, and those of them that are trained. What is shared counts in the first
        row that has it.
    buffers
        How many numbers its buffers have.
    multiply_adds
        Multiplications, each followed by an addition, in products of matrices, convolutions and the like.
    flops
        Floating-point operations, as the operations declare them.
    parameter_bytes, activation_bytes
        Memory of parameters and buffers, and of what its operations give.
    connected_to
        In a `Model`, the layers that its inputs come from.
    has_rows_inside
        Whether rows of modules inside follow.
    """

    name: str
    type: str
    level: int
    calls: int = 0
    output_shapes: tuple[Shape, ...] = ()
    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    multiply_adds: int = 0
    flops: int = 0
    parameter_bytes: int = 0
    activation_bytes: int = 0
    connected_to: tuple[str, ...] = ()
    has_rows_inside: bool = False

    @property
    def output_shape(self) -> Shape | None:
        """The shape of the first output; None if the module didn't run."""
        return self.output_shapes[0] if self.output_shapes else None


@dataclass(frozen=True, slots=True)
class Summary:
    """What `Module.summary` gives: the rows, their totals, and as text the table.

    A row counts what no other row counts, so that each column adds up to its total.

    Attributes
    ----------
    title
        The model's class.
    rows
        A `LayerSummary` for each layer, outer before inner.
    batch_size
        How many examples the model ran on; None if it didn't run, or nobody can tell.
    ran
        Whether it ran: without, there are parameters only.
    """

    title: str
    rows: tuple[LayerSummary, ...]
    batch_size: int | None = None
    ran: bool = False

    def __iter__(self) -> Iterator[LayerSummary]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> LayerSummary:
        """The row of the layer at a path."""
        for row in self.rows:
            if row.name == name:
                return row
        names = ", ".join(row.name or "''" for row in self.rows)
        raise KeyError(describe(f"summary: there is no row {name!r}", f"rows: {names}"))

    def _total(self, name: str) -> int:
        return sum(getattr(row, name) for row in self.rows)

    @property
    def parameters(self) -> int:
        """How many numbers all parameters have."""
        return self._total("parameters")

    @property
    def trainable(self) -> int:
        """How many of them are trained."""
        return self._total("trainable")

    @property
    def non_trainable(self) -> int:
        """How many of them are frozen."""
        return self.parameters - self.trainable

    @property
    def buffers(self) -> int:
        """How many numbers all buffers have, such as running means."""
        return self._total("buffers")

    @property
    def multiply_adds(self) -> int:
        """Those of one forward pass."""
        return self._total("multiply_adds")

    @property
    def flops(self) -> int:
        """The floating-point operations of one forward pass."""
        return self._total("flops")

    @property
    def parameter_bytes(self) -> int:
        """The memory of parameters and buffers."""
        return self._total("parameter_bytes")

    @property
    def activation_bytes(self) -> int:
        """The memory of all that the operations of a forward pass give."""
        return self._total("activation_bytes")

    def __str__(self) -> str:
        header = ["Layer (type)", "Output Shape", "Param #", "Trainable"]
        header += ["Mult-Adds", "Activations"] if self.ran else []
        if any(row.connected_to for row in self.rows):
            header.append("Connected to")
        table = [header, *(self._cells(row, len(header)) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        left = {header.index(name) for name in header if name not in ("Param #", "Mult-Adds", "Activations")}
        lines = [
            "  ".join(
                cell.ljust(width) if i in left else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
            ).rstrip()
            for cells in table
        ]
        rule = "─" * max(map(len, lines))
        return "\n".join([self.title, rule, lines[0], rule, *lines[1:], rule, *self._totals()])

    __repr__ = __str__

    def _cells(self, row: LayerSummary, count: int) -> list[str]:
        last = row.name.rpartition(".")[2]
        name = f"{last} ({row.type})" if last else row.type
        name += f" ×{row.calls}" if row.calls > 1 else ""
        shown = ", ".join(map(str, row.output_shapes)) or "—"
        # Rows that only hold others have nothing of their own to tell.
        number = str if not row.has_rows_inside else lambda text: "" if text in ("0", "0 B") else text
        kind = ""
        if row.parameters:
            kind = "yes" if row.trainable == row.parameters else "part" if row.trainable else "no"
        cells = [
            "  " * max(row.level - 1, 0) + name,
            shown if row.calls or not row.has_rows_inside else "",
            number(f"{row.parameters:,}"),
            kind,
        ]
        if self.ran:
            cells += [number(f"{row.multiply_adds:,}"), number(_bytes(row.activation_bytes))]
        return [*cells, ", ".join(row.connected_to)][:count]

    def _totals(self) -> Iterator[str]:
        both = " with buffers" if self.buffers else ""
        yield f"Total params: {self.parameters:,} ({_bytes(self.parameter_bytes)}{both})"
        yield f"Trainable params: {self.trainable:,}"
        yield f"Non-trainable params: {self.non_trainable:,}"
        if self.buffers:
            yield f"Buffers: {self.buffers:,}"
        if self.ran:
            batch = "" if self.batch_size is None else f" (batch of {self.batch_size})"
            yield f"Mult-adds{batch}: {self.multiply_adds:,}"
            yield f"Activations{batch}: {_bytes(self.activation_bytes)}"


def _bytes(count: int) -> str:
    """Memory in the largest unit that it has one of, with three digits."""
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, 4)
    value = count / 1024**power
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f} {'KMGT'[power - 1]}iB"

"""What a tensor can do as NumPy's arrays can: operators and methods, each forwarded to the operation of its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from graphgrad.graph.errors import ShapeError, describe
from graphgrad.graph.late import late

if TYPE_CHECKING:
    from graphgrad.graph.scalar import Scalar
    from graphgrad.graph.tensor import Tensor

__all__ = ["ArrayMethods", "TensorLike"]

Axis = int | Sequence[int] | None
TensorLike: TypeAlias = "Tensor | np.ndarray[Any, Any] | np.generic | bool | int | float | complex | Sequence[Any]"
"""What operations take where they need a tensor; everything but a Tensor is a constant to them."""


class ArrayMethods:
    """The operators and methods of `Tensor` that compute; see the operations for what they take."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def ndim(self) -> int: ...
        @property
        def shape(self) -> tuple[int, ...]: ...
        def _title(self) -> str: ...

    # ---- reductions

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.mean(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.prod(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.min(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        return late.var(self, axis=axis, correction=correction, keepdims=keepdims)

    def std(self, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        return late.std(self, axis=axis, correction=correction, keepdims=keepdims)

    def any(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.any(self, axis=axis, keepdims=keepdims)

    def all(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return late.all(self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return late.argmax(self, axis=axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        return late.argmin(self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Tensor:
        return late.cumsum(self, axis=axis)

    def cumprod(self, axis: int | None = None) -> Tensor:
        return late.cumprod(self, axis=axis)

    # ---- other forms of the same elements

    def reshape(self, *shape: Any) -> Tensor:
        return late.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Tensor:
        one = axes[0] if len(axes) == 1 else axes  # transpose((1, 0)), transpose(1, 0), transpose(None), transpose(0)
        return late.permute_dims(self, one if one is None else tuple(np.atleast_1d(one)) or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        return late.swapaxes(self, axis1, axis2)

    def ravel(self) -> Tensor:
        return late.ravel(self)

    def flatten(self) -> Tensor:
        return late.flatten(self)

    def squeeze(self, axis: Axis = None) -> Tensor:
        return late.squeeze(self, axis)

    def astype(self, dtype: DTypeLike) -> Tensor:
        return late.astype(self, dtype)

    @property
    def T(self) -> Tensor:
        return late.permute_dims(self)

    @property
    def mT(self) -> Tensor:
        """The last two axes exchanged."""
        n = self.ndim
        if n < 2:
            raise ShapeError(describe(f"mT: two axes are needed, {self._title()} has {n}"))
        return late.permute_dims(self, (*range(n - 2), n - 1, n - 2))

    # ---- some of the elements

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        return late.take(self, indices, axis=axis)

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        return late.repeat(self, repeats, axis=axis)

    def argsort(self, axis: int = -1) -> Tensor:
        return late.argsort(self, axis=axis)

    def clip(self, min: float | None = None, max: float | None = None) -> Tensor:
        return late.clip(self, min, max)

    def round(self, decimals: int = 0) -> Tensor:
        return late.round(self, decimals)

    def dot(self, other: TensorLike) -> Tensor:
        return late.dot(self, other)

    def __getitem__(self, key: Any) -> Tensor:
        return late.getitem(self, key)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError(describe("len: a tensor of shape () has no length"))
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError(describe("iteration: a tensor of shape () has no elements to go through"))
        return iter(late.unbind(self))

    def scalars(self, face: type[Scalar] | None = None) -> Any:
        """The elements as scalars of the same graph: a gradient that arrives at them goes on to this tensor.

        What is shown number by number, as micrograd does, and what is computed with arrays can so be parts of one
        computation, with one backward pass through both. The way back is `graphgrad.stack`.

        Parameters
        ----------
        face
            The class of the scalars, such as `graphgrad.nn.scalar.Value`; `graphgrad.Scalar` unless given.

        Returns
        -------
        list or Scalar
            Lists within lists, in the shape of this tensor; a single scalar for shape ``()``. They are float64, and
            constants if this tensor needs no gradient.

        Raises
        ------
        DTypeError
            If this tensor is complex.
        WriteError
            If its memory was written since it was computed.
        GraphError
            In a function that `graphgrad.compile_scalars` records.

        Examples
        --------
        >>> import graphgrad as gg
        >>> x = gg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        >>> (a, b), (c, d) = x.scalars()
        >>> y = gg.stack([a * d, b * c])
        >>> gg.sum(y).backward()
        >>> x.grad
        tensor([[4., 3.],
                [2., 1.]])
        """
        return late.scalars(self, face)

    # ---- arithmetic

    def __add__(self, other: TensorLike) -> Tensor:
        return late.add(self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return late.add(other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return late.subtract(self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return late.subtract(other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return late.multiply(self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return late.multiply(other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return late.divide(self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return late.divide(other, self)

    def __floordiv__(self, other: TensorLike) -> Tensor:
        return late.floor_divide(self, other)

    def __rfloordiv__(self, other: TensorLike) -> Tensor:
        return late.floor_divide(other, self)

    def __mod__(self, other: TensorLike) -> Tensor:
        return late.remainder(self, other)

    def __rmod__(self, other: TensorLike) -> Tensor:
        return late.remainder(other, self)

    def __divmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]:
        return late.floor_divide(self, other), late.remainder(self, other)

    def __rdivmod__(self, other: TensorLike) -> tuple[Tensor, Tensor]:
        return late.floor_divide(other, self), late.remainder(other, self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return late.power(self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return late.power(other, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return late.matmul(self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return late.matmul(other, self)

    def __and__(self, other: TensorLike) -> Tensor:
        return late.bitwise_and(self, other)

    def __rand__(self, other: TensorLike) -> Tensor:
        return late.bitwise_and(other, self)

    def __or__(self, other: TensorLike) -> Tensor:
        return late.bitwise_or(self, other)

    def __ror__(self, other: TensorLike) -> Tensor:
        return late.bitwise_or(other, self)

    def __xor__(self, other: TensorLike) -> Tensor:
        return late.bitwise_xor(self, other)

    def __rxor__(self, other: TensorLike) -> Tensor:
        return late.bitwise_xor(other, self)

    def __lshift__(self, other: TensorLike) -> Tensor:
        return late.bitwise_left_shift(self, other)

    def __rlshift__(self, other: TensorLike) -> Tensor:
        return late.bitwise_left_shift(other, self)

    def __rshift__(self, other: TensorLike) -> Tensor:
        return late.bitwise_right_shift(self, other)

    def __rrshift__(self, other: TensorLike) -> Tensor:
        return late.bitwise_right_shift(other, self)

    def __neg__(self) -> Tensor:
        return late.negative(self)

    def __pos__(self) -> Tensor:
        return self  # type: ignore[return-value]

    def __abs__(self) -> Tensor:
        return late.abs(self)

    def __invert__(self) -> Tensor:
        return late.bitwise_not(self)

    def __round__(self, decimals: int = 0) -> Tensor:
        return late.round(self, decimals)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return late.equal(self, other)

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return late.not_equal(self, other)

    def __lt__(self, other: TensorLike) -> Tensor:
        return late.less(self, other)

    def __le__(self, other: TensorLike) -> Tensor:
        return late.less_equal(self, other)

    def __gt__(self, other: TensorLike) -> Tensor:
        return late.greater(self, other)

    def __ge__(self, other: TensorLike) -> Tensor:
        return late.greater_equal(self, other)

    __hash__ = object.__hash__  # comparing is elementwise, so identity is what a dict key means

    # ---- writing in place: see graphgrad.ops.inplace for the rules

    def __iadd__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.add, other)

    def __isub__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.subtract, other)

    def __imul__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.multiply, other)

    def __itruediv__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.divide, other)

    def __ifloordiv__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.floor_divide, other)

    def __imod__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.remainder, other)

    def __ipow__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.power, other)

    def __imatmul__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.matmul, other)

    def __iand__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.bitwise_and, other)

    def __ior__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.bitwise_or, other)

    def __ixor__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.bitwise_xor, other)

    def __ilshift__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.bitwise_left_shift, other)

    def __irshift__(self, other: TensorLike) -> Tensor:
        return late.write_in_place(self, late.bitwise_right_shift, other)

    def __setitem__(self, key: Any, value: TensorLike) -> None:
        late.write_in_place(self, late.setitem, value, key=key)

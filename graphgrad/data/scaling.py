"""Features of one scale: fitted on training data, applied to all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from graphgrad.graph.dtypes import get_default_dtype
from graphgrad.graph.errors import ArgumentError, GraphError, ShapeError, describe
from graphgrad.graph.tensor import Tensor

__all__ = ["MinMaxScaler", "StandardScaler", "Whitening", "normalize"]

Array = np.ndarray[Any, Any]


class Scaler:
    """What scalers share: subclasses fit attributes that end in an underscore, as scikit-learn's do."""

    fitted: tuple[str, ...] = ()
    axis: tuple[int, ...] = (0,)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take the statistics of training data; those of an earlier fit are forgotten."""
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say what it fits"))

    def transform(self, X: Any) -> Any:
        """Scale data with the statistics of the training data."""
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say how it transforms"))

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Take the statistics of training data, and scale it."""
        return self.fit(X).transform(X)

    def __call__(self, X: Array, generator: np.random.Generator | None = None) -> Any:
        return self.transform(X)

    def state_dict(self) -> dict[str, Array]:
        """The statistics, by name."""
        self._check_fitted("state_dict")
        return {name: getattr(self, name) for name in self.fitted}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take statistics over from `state_dict`.

        Raises
        ------
        ArgumentError
            If one is missing, or there is one too many; nothing is changed then.
        """
        if set(state_dict) != set(self.fitted):
            raise ArgumentError(
                describe(
                    f"{type(self).__name__}: the state is another one's",
                    f"expected: {', '.join(self.fitted)}",
                    f"got: {', '.join(map(str, state_dict))}",
                )
            )
        for name, value in {name: np.array(state_dict[name], dtype=np.float64) for name in self.fitted}.items():
            setattr(self, name, value)

    def _check_fitted(self, what: str) -> None:
        if not hasattr(self, self.fitted[0]):
            raise GraphError(
                describe(
                    f"{type(self).__name__}: {what} before fit",
                    hint="fit it on the training data first; test data is transformed with the same statistics",
                )
            )

    def _given(self, X: Any, what: str, statistic: Array | None = None) -> tuple[Array, Any]:
        """The data as float64, and how its result goes back to what it was: dtype, and a tensor for a tensor."""
        array = X.data if isinstance(X, Tensor) else np.asarray(X)
        name = type(self).__name__
        if array.dtype.kind not in "biuf":
            raise ShapeError(describe(f"{name}: {what} needs real numbers, got {array.dtype}"))
        if array.ndim < 2 or array.size == 0:
            raise ShapeError(
                describe(
                    f"{name}: {what} needs samples with features, shape (n, ...)",
                    f"got: shape {array.shape}",
                    hint="x[:, None] for a single feature" if array.ndim == 1 else "",
                )
            )
        if statistic is None:
            self._check_values(array, what)
        else:
            free = {axis % statistic.ndim for axis in self.axis}
            expected = ["n" if axis in free else str(size) for axis, size in enumerate(statistic.shape)]
            got = ["n" if axis in free else str(size) for axis, size in enumerate(array.shape)]
            if got != expected:
                raise ShapeError(
                    describe(
                        f"{name}: {what} got data of another shape than fit",
                        f"expected: ({', '.join(expected)})",
                        f"got: {array.shape}",
                    )
                )
        dtype = array.dtype if array.dtype.kind == "f" else get_default_dtype()
        back = lambda result: Tensor(result.astype(dtype)) if isinstance(X, Tensor) else result.astype(dtype)
        return array.astype(np.float64), back

    def _check_values(self, array: Array, what: str) -> None:
        """Statistics can be taken of the data."""
        name = type(self).__name__
        if max(self.axis) >= array.ndim or min(self.axis) < -array.ndim:
            raise ShapeError(describe(f"{name}: axis={self.axis} of data of shape {array.shape}"))
        finite = np.isfinite(array)
        if not finite.all():
            where = tuple(int(place) for place in np.argwhere(~finite)[0])
            raise ArgumentError(
                describe(
                    f"{name}: {what} needs finite numbers",
                    f"got: {array[where]} at {where}, and {np.count_nonzero(~finite)} such in all",
                    hint="fill in what is missing, or leave such samples out",
                )
            )


def _axes(who: str, axis: int | tuple[int, ...]) -> tuple[int, ...]:
    """What statistics are taken over: whole numbers, the samples among them."""
    axes = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    if not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in axes) or 0 not in axes:
        raise ArgumentError(
            describe(
                f"{who}: axis is 0, the samples, or several axes with 0 among them, got {axis!r}",
                hint="normalize divides each sample by its norm" if axis in (1, -1) else "",
            )
        )
    return tuple(int(a) for a in axes)


class StandardScaler(Scaler):
    """z-normalisation: (x − μ) / σ, with mean and population variance of the training data (P05.16).

    Parameters
    ----------
    with_mean
        Whether to subtract μ.
    with_std
        Whether to divide by σ; a feature that doesn't vary is left as it is.
    axis
        What statistics are taken over: 0, the samples, for features of their own; (0, 2, 3) for images of shape
        (n, channels, height, width), per channel over all pixels.

    Attributes
    ----------
    mean_, var_, scale_
        μ, σ² and the divisor, float64, of length 1 along `axis`.

    Raises
    ------
    ShapeError
        If data has no features, or others than the training data.
    ArgumentError
        If `axis` leaves the samples out, or there are numbers in the training data that aren't finite.
    GraphError
        If it is used before it is fitted.

    Notes
    -----
    scikit-learn's statistics have shape (features,), and it passes over nan in fitting, which is refused here.

    Examples
    --------
    >>> import graphgrad as gg
    >>> scaler = gg.data.StandardScaler().fit([[1.0], [2.0], [3.0], [4.0]])
    >>> round(scaler.transform([[5.0]]).item(), 4)
    2.2361
    """

    fitted = ("mean_", "var_", "scale_")

    def __init__(self, *, with_mean: bool = True, with_std: bool = True, axis: int | tuple[int, ...] = 0) -> None:
        self.with_mean, self.with_std = bool(with_mean), bool(with_std)
        self.axis = _axes(type(self).__name__, axis)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take mean and variance of training data; those of an earlier fit are forgotten."""
        array, _ = self._given(X, "fit")
        self.mean_ = array.mean(axis=self.axis, keepdims=True)
        self.var_ = array.var(axis=self.axis, keepdims=True)
        count = array.size // self.mean_.size
        # A constant feature's variance is what rounding leaves, not always 0.
        rounding = np.finfo(np.float64).eps
        constant = self.var_ <= count * rounding * self.var_ + (count * self.mean_ * rounding) ** 2
        scale = np.sqrt(self.var_) if self.with_std else np.ones_like(self.var_)
        self.scale_ = np.where(constant, 1.0, scale)
        return self

    def transform(self, X: Any) -> Any:
        """Shape and dtype stay; whole numbers become the default dtype."""
        self._check_fitted("transform")
        array, back = self._given(X, "transform", self.mean_)
        return back((array - self.mean_ * self.with_mean) / self.scale_)

    def inverse_transform(self, X: Any) -> Any:
        """Back to the scale of the training data."""
        self._check_fitted("inverse_transform")
        array, back = self._given(X, "inverse_transform", self.mean_)
        return back(array * self.scale_ + self.mean_ * self.with_mean)


class MinMaxScaler(Scaler):
    """Scale features to a range, by their least and largest values in the training data (P05.17).

    Parameters
    ----------
    feature_range
        What those values become: (0, 1), or (-1, 1).
    clip
        Whether other data, which may lie beyond, is held to the range.
    axis
        What the values are taken over, see `StandardScaler`.

    Attributes
    ----------
    data_min_, data_max_
        Float64, of length 1 along `axis`.

    Raises
    ------
    ShapeError
        If data has no features, or others than the training data.
    ArgumentError
        If the range is empty, `axis` leaves the samples out, or training data isn't finite.
    GraphError
        If it is used before it is fitted.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.MinMaxScaler().fit_transform([[1.0], [2.0], [3.0], [5.0]]).ravel().tolist()
    [0.0, 0.25, 0.5, 1.0]
    """

    fitted = ("data_min_", "data_max_")

    def __init__(
        self,
        feature_range: tuple[float, float] = (0.0, 1.0),
        *,
        clip: bool = False,
        axis: int | tuple[int, ...] = 0,
    ) -> None:
        if not -np.inf < feature_range[0] < feature_range[1] < np.inf:
            raise ArgumentError(describe(f"MinMaxScaler: feature_range goes up, got {feature_range}"))
        self.feature_range, self.clip = (float(feature_range[0]), float(feature_range[1])), bool(clip)
        self.axis = _axes(type(self).__name__, axis)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take the least and largest values of training data; those of an earlier fit are forgotten."""
        array, _ = self._given(X, "fit")
        self.data_min_ = array.min(axis=self.axis, keepdims=True)
        self.data_max_ = array.max(axis=self.axis, keepdims=True)
        return self

    def _span(self) -> Array:
        span = self.data_max_ - self.data_min_
        return np.where(span == 0.0, 1.0, span)

    def transform(self, X: Any) -> Any:
        """Shape and dtype stay; whole numbers become the default dtype."""
        self._check_fitted("transform")
        array, back = self._given(X, "transform", self.data_min_)
        low, high = self.feature_range
        scaled = (array - self.data_min_) / self._span() * (high - low) + low
        return back(np.clip(scaled, low, high) if self.clip else scaled)

    def inverse_transform(self, X: Any) -> Any:
        """Back to the range of the training data."""
        self._check_fitted("inverse_transform")
        array, back = self._given(X, "inverse_transform", self.data_min_)
        low, high = self.feature_range
        return back((array - low) / (high - low) * self._span() + self.data_min_)


class Whitening(Scaler):
    """Decorrelate features and bring each to variance 1, with the training data's covariance (P09.04).

    With C = U Λ Uᵀ, the population covariance, PCA whitening is Λ^(-½) Uᵀ (x − μ), whose features are the principal
    components, largest first; ZCA whitening turns it back, U Λ^(-½) Uᵀ (x − μ), and stays closest to the data, so that
    whitened images are still images.

    Parameters
    ----------
    method
        ``"pca"`` or ``"zca"``.
    epsilon
        Added to Λ, so that directions of hardly any variance aren't blown up.

    Attributes
    ----------
    mean_, covariance_
        Of the training data, float64, shapes (1, d) and (d, d).
    variances_
        Λ, largest first, shape (d,).
    matrix_
        What x − μ is multiplied by, shape (d, d).

    Raises
    ------
    ShapeError
        If data isn't of shape (n, d), or has other features than the training data.
    ArgumentError
        If there is no such method, `epsilon` is negative, or it is 0 and a direction has no variance at all; or if
        training data isn't finite.
    GraphError
        If it is used before it is fitted.

    Examples
    --------
    >>> import graphgrad as gg
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(1000, 2)) @ np.array([[2.0, 0.0], [1.0, 0.5]])
    >>> white = gg.data.Whitening("zca").fit_transform(X)
    >>> np.allclose(np.cov(white.T, bias=True), np.eye(2))
    True
    """

    fitted = ("mean_", "covariance_", "variances_", "matrix_")

    def __init__(self, method: str = "zca", *, epsilon: float = 0.0) -> None:
        if method not in ("pca", "zca"):
            raise ArgumentError(describe(f"Whitening: method is 'pca' or 'zca', got {method!r}"))
        if not 0 <= epsilon < np.inf:
            raise ArgumentError(describe(f"Whitening: epsilon is a number from 0, got {epsilon!r}"))
        self.method, self.epsilon = method, float(epsilon)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Take mean and covariance of training data; those of an earlier fit are forgotten."""
        array, _ = self._given(X, "fit")
        if array.ndim != 2:
            raise ShapeError(describe(f"Whitening: fit needs shape (n, d), got {array.shape}", hint="X.reshape(n, -1)"))
        mean = array.mean(axis=0, keepdims=True)
        covariance = (array - mean).T @ (array - mean) / len(array)
        variances, directions = np.linalg.eigh(covariance)
        variances, directions = np.maximum(variances[::-1], 0.0), directions[:, ::-1]
        # Directions are known up to their sign: the largest part of each is made positive.
        directions = directions * np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(len(directions))])
        least = variances[0] * len(variances) * np.finfo(np.float64).eps
        if self.epsilon == 0.0 and variances[-1] <= least:
            raise ArgumentError(
                describe(
                    "Whitening: the data doesn't vary in every direction",
                    f"variances: {variances[0]:.4g} to {variances[-1]:.4g}",
                    f"samples: {len(array)}, features: {array.shape[1]}",
                    hint="epsilon=1e-5 keeps such directions small",
                )
            )
        matrix = directions.T / np.sqrt(variances + self.epsilon)[:, None]
        self.mean_, self.covariance_, self.variances_ = mean, covariance, variances
        self.matrix_ = directions @ matrix if self.method == "zca" else matrix
        return self

    def transform(self, X: Any) -> Any:
        """Shape and dtype stay; whole numbers become the default dtype."""
        self._check_fitted("transform")
        array, back = self._given(X, "transform", self.mean_)
        return back((array - self.mean_) @ self.matrix_.T)

    def inverse_transform(self, X: Any) -> Any:
        """Back to the features of the training data."""
        self._check_fitted("inverse_transform")
        array, back = self._given(X, "inverse_transform", self.mean_)
        return back(np.linalg.solve(self.matrix_, array.T).T + self.mean_)


def normalize(X: Any, norm: str = "l2", *, axis: int = 1) -> Any:
    """Divide each sample by its norm: x / ‖x‖ (P05.18).

    Parameters
    ----------
    X
        Shape (n, d).
    norm
        ``"l2"``, ``"l1"``, or ``"max"``, the largest magnitude.
    axis
        1 for each sample, 0 for each feature.

    Returns
    -------
    ndarray
        Of the same shape; what is all 0 stays 0.

    Raises
    ------
    ArgumentError
        If there is no such norm.
    ShapeError
        If X isn't a table of real numbers.

    Examples
    --------
    >>> import graphgrad as gg
    >>> gg.data.normalize([[0.0, 3.0, 4.0]]).tolist()
    [[0.0, 0.6, 0.8]]
    """
    norms = {
        "l2": lambda a: np.sqrt((a * a).sum(axis=axis, keepdims=True)),
        "l1": lambda a: np.abs(a).sum(axis=axis, keepdims=True),
        "max": lambda a: np.abs(a).max(axis=axis, keepdims=True, initial=0.0),
    }
    if norm not in norms:
        raise ArgumentError(describe(f"normalize: norm is one of {', '.join(norms)}, got {norm!r}"))
    if axis not in (0, 1):
        raise ArgumentError(describe(f"normalize: axis is 1 for samples or 0 for features, got {axis!r}"))
    array = X.data if isinstance(X, Tensor) else np.asarray(X)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ShapeError(
            describe(
                "normalize: a table of real numbers is needed, shape (n, d)",
                f"got: shape {array.shape}, {array.dtype}",
                hint="x[None] for a single sample" if array.ndim == 1 else "",
            )
        )
    dtype = array.dtype if array.dtype.kind == "f" else get_default_dtype()
    lengths = norms[norm](array.astype(np.float64))
    result = (array / np.where(lengths == 0.0, 1.0, lengths)).astype(dtype)
    return Tensor(result) if isinstance(X, Tensor) else result

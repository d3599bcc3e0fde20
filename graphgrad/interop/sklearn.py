"""scikit-learn's interface: models that pipelines, cross-validation and searches of scikit-learn can train.

It needs scikit-learn, from the extra ``data``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from graphgrad import optim
from graphgrad.graph.checks import check_count
from graphgrad.graph.errors import DTypeError, ShapeError, describe
from graphgrad.graph.random import generator_or_default, seeded
from graphgrad.nn import Linear, Module, ReLU, Sequential
from graphgrad.nn import functional as F
from graphgrad.train import Callback, EarlyStopping, History, fit, predict

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(
        describe(
            "gg.interop.sklearn needs scikit-learn from 1.6, which isn't installed",
            hint="pip install 'graphgrad[data]'",
        ),
        name="sklearn",
    ) from error

__all__ = ["Classifier", "Regressor"]

Array = np.ndarray[Any, Any]


class _Estimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both have in common: the training."""

    _loss: Callable[..., Any]

    def __init__(
        self,
        model: Module | Callable[[int, int], Module] | None = None,
        *,
        hidden_layer_sizes: int | Iterable[int] = (100,),
        loss: Callable[..., Any] | None = None,
        optimizer: str | Callable[..., Any] = "Adam",
        lr: float = 1e-3,
        epochs: int = 100,
        batch_size: int = 32,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        callbacks: Iterable[Callback] | Callback = (),
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.model = model
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    # ---- training

    def _begin(self, inputs: int, outputs: int) -> None:
        """A new model and a new optimiser."""
        model = self.model
        if model is None:
            who, sizes = type(self).__name__, self.hidden_layer_sizes
            listed = sizes if isinstance(sizes, Iterable) and not isinstance(sizes, str) else [sizes]
            layers: list[Module] = []
            for size in (check_count(who, "each of hidden_layer_sizes", size) for size in listed):
                layers += [Linear(inputs, size), ReLU()]
                inputs = size
            made: Any = Sequential(*layers, Linear(inputs, outputs))
        elif isinstance(model, Module):
            made = copy.deepcopy(model)  # as scikit-learn wants it: parameters stay as they were given
        elif callable(model):
            made = model(inputs, outputs)
        else:
            made = model
        if not isinstance(made, Module):
            raise DTypeError(
                describe(
                    f"{type(self).__name__}: model is a Module, or a function that makes one, got {made!r:.60}",
                    hint="lambda n_features, n_outputs: gg.nn.Linear(n_features, n_outputs)",
                )
            )
        self.model_, self._outputs = made, outputs
        self.optimizer_ = _optimizer(type(self).__name__, self.optimizer)(made.parameters(), lr=self.lr)
        self.history_ = History()

    def _train(self, x: Array, y: Array, epochs: int, validates: bool) -> None:
        """Some epochs more."""
        # Parameters stay as they were given: a callback remembers things, and each training has to begin afresh.
        given = self.callbacks
        callbacks = copy.deepcopy([given] if isinstance(given, Callback) else list(given))
        if validates:
            callbacks.append(EarlyStopping("val_loss", patience=self.n_iter_no_change, min_delta=self.tol))
        before, seconds = self.history_.rows, self.history_.seconds
        history = fit(
            self.model_,
            x,
            y,
            loss=self._checked_loss,
            optimizer=self.optimizer_,
            epochs=epochs,
            batch_size=self.batch_size,
            validation=self.validation_fraction if validates else None,
            callbacks=callbacks,
            progress=bool(self.verbose),
        )
        history.rows, history.seconds = [*before, *history.rows], [*seconds, *history.seconds]
        self.history_ = history
        self.n_iter_ = history.epochs

    def _checked_loss(self, output: Any, target: Any) -> Any:
        wanted = (len(target), self._outputs)
        if output.shape != wanted:
            raise ShapeError(
                describe(
                    f"{type(self).__name__}: the model gives shape {output.shape} for {len(target)} samples",
                    f"expected: {wanted}, {self._meaning}",
                )
            )
        return (self.loss or type(self)._loss)(output, target)

    def _seed(self) -> int:
        """Where the random numbers of a training start."""
        if self.random_state is None:
            return int(generator_or_default(None).integers(2**31 - 1))
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _fit(self, x: Array, y: Array, outputs: int) -> None:
        self._generator = np.random.default_rng(self._seed())
        with self._seeded():
            self._begin(x.shape[1], outputs)
            self._train(x, y, self.epochs, self.early_stopping)

    def _partial_fit(self, x: Array, y: Array, outputs: int, first: bool) -> None:
        if first:
            self._generator = np.random.default_rng(self._seed())
        with self._seeded():
            if first:
                self._begin(x.shape[1], outputs)
            self._train(x, y, 1, False)

    def _seeded(self) -> AbstractContextManager[np.random.Generator]:
        """Random numbers for a training, or for another epoch: each call goes on where the one before was."""
        return seeded(int(self._generator.integers(2**31)))

    def _samples(self, x: Any, *, reset: bool) -> Array:
        found: Array = validate_data(self, x, reset=reset, dtype=np.float32, allow_nd=True)
        return found

    def _predicted(self, x: Any) -> Array:
        check_is_fitted(self)
        found: Array = predict(self.model_, self._samples(x, reset=False), batch_size=256).data
        return found

    @property
    def _meaning(self) -> str:
        raise NotImplementedError(describe(f"{type(self).__name__}: doesn't say what the model's results mean"))


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A model as a classifier of scikit-learn.

    Parameters
    ----------
    model
        A module, of which a copy is trained; or a function that makes one, called with the number of features and the
        number of classes: the random numbers of its weights then come from `random_state`. It gives a score for each
        class, shape (n, classes), of which `predict_proba` takes the softmax. By default a network with ReLU.
    hidden_layer_sizes
        The sizes of that network's hidden layers; () for none, which is a linear model.
    loss
        Called with the scores and the numbers of the classes; by default `cross_entropy`.
    optimizer
        A name of `graphgrad.optim`, or a function of the parameters and ``lr``, such as a class.
    lr
        The learning rate.
    epochs, batch_size
        As in `graphgrad.train.fit`.
    early_stopping
        Whether to hold out a part of the samples, to stop when the loss on it hasn't become better for some epochs, and
        to go back to the best weights.
    validation_fraction, n_iter_no_change, tol
        Of early stopping: how large a part, after how many epochs, and what counts as better.
    callbacks
        As in `graphgrad.train.fit`; copies of them, since parameters stay as they were given.
    random_state
        A seed, or a RandomState; by default what `graphgrad.manual_seed` starts.
    verbose
        Whether to show a progress bar.

    Attributes
    ----------
    classes_
        The classes, sorted.
    n_features_in_, feature_names_in_
        The number of features, and their names, if X was a table that has such.
    model_, optimizer_
        What was trained, and by what.
    history_
        The losses, epoch by epoch: a `graphgrad.train.History`.
    n_iter_
        How many epochs there were.

    Examples
    --------
    >>> import graphgrad as gg
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, t = gg.datasets.iris()
    >>> network = gg.interop.sklearn.Classifier(hidden_layer_sizes=16, lr=0.01, epochs=30, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), network).fit(X, t)
    >>> pipeline.score(X, t) > 0.95, pipeline.predict_proba(X[:2]).shape
    (True, (2, 3))
    """

    _loss = staticmethod(F.cross_entropy)
    _meaning = "a score for each class"

    def fit(self, X: Any, y: Any) -> Classifier:
        """Train a new model.

        Parameters
        ----------
        X
            Samples, shape (n, features); images and the like may have more axes.
        y
            Their classes: numbers or texts.
        """
        x, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        self.classes_, codes = np.unique(y, return_inverse=True)
        self._fit(x, codes.astype(np.int64), len(self.classes_))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Classifier:
        """Train for one epoch more; the first time, a new model.

        Parameters
        ----------
        X, y
            As in `fit`.
        classes
            The first time, all classes that there will ever be; by default those of y.
        """
        first = not hasattr(self, "model_")
        x, y = validate_data(self, X, y, dtype=np.float32, allow_nd=True, reset=first)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        elif classes is not None and not np.array_equal(self.classes_, np.unique(classes)):
            raise ValueError(
                describe(
                    "Classifier.partial_fit: classes are others than before",
                    f"got: {np.unique(classes)}",
                    f"expected: {self.classes_}",
                )
            )
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(
                describe(
                    f"Classifier.partial_fit: y has classes that there weren't before: {strange}",
                    f"expected: {self.classes_}",
                    hint="name all classes in the first call: partial_fit(X, y, classes=...)",
                )
            )
        self._partial_fit(x, np.searchsorted(self.classes_, y).astype(np.int64), len(self.classes_), first)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, shape (n, classes): the softmax of the model's scores."""
        scores = self._predicted(X).astype(np.float64)
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities: Array = exponentials / exponentials.sum(axis=1, keepdims=True)
        return probabilities

    def predict(self, X: Any) -> Array:
        """The most probable class of each sample, shape (n,)."""
        numbers = self._predicted(X).argmax(axis=1)
        predicted: Array = self.classes_[numbers]
        return predicted


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A model as a regressor of scikit-learn.

    Parameters
    ----------
    model
        A module, of which a copy is trained; or a function that makes one, called with the number of features and the
        number of targets: the random numbers of its weights then come from `random_state`. It gives shape (n, targets).
        By default a network with ReLU.
    loss
        Called with the model's result and the targets, both of shape (n, targets); by default `mse_loss`.
    hidden_layer_sizes, optimizer, lr, epochs, batch_size, early_stopping, validation_fraction, n_iter_no_change, tol, \
callbacks, random_state, verbose
        As in `Classifier`.

    Attributes
    ----------
    n_features_in_, feature_names_in_, model_, optimizer_, history_, n_iter_
        As in `Classifier`.

    Notes
    -----
    Neither X nor y is scaled: a network learns targets far from 0 and 1 slowly.
    ``sklearn.compose.TransformedTargetRegressor`` scales them, and scales predictions back.

    Examples
    --------
    >>> import numpy as np
    >>> import graphgrad as gg
    >>> x = np.linspace(-3.0, 3.0, 200)[:, None]
    >>> network = gg.interop.sklearn.Regressor(hidden_layer_sizes=(32, 32), lr=0.01, epochs=60, random_state=0)
    >>> network.fit(x, np.sin(x[:, 0])).score(x, np.sin(x[:, 0])) > 0.98
    True
    """

    _loss = staticmethod(F.mse_loss)
    _meaning = "a number for each target"

    def fit(self, X: Any, y: Any) -> Regressor:
        """Train a new model.

        Parameters
        ----------
        X
            Samples, shape (n, features); images and the like may have more axes.
        y
            Their targets, shape (n,) or (n, targets).
        """
        x, y = self._pair(X, y, reset=True)
        self._flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        self._fit(x, y, y.shape[1])
        return self

    def partial_fit(self, X: Any, y: Any) -> Regressor:
        """Train for one epoch more; the first time, a new model.

        Parameters
        ----------
        X, y
            As in `fit`.
        """
        first = not hasattr(self, "model_")
        x, y = self._pair(X, y, reset=first)
        if first:
            self._flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        if not first and y.shape[1] != self._outputs:
            raise ShapeError(
                describe(f"Regressor.partial_fit: y has {y.shape[1]} targets", f"expected: {self._outputs}, as before")
            )
        self._partial_fit(x, y, y.shape[1], first)
        return self

    def predict(self, X: Any) -> Array:
        """The model's result, shape (n,) or (n, targets), as y was."""
        found = self._predicted(X).astype(np.float64)
        return found[:, 0] if self._flat else found

    def _pair(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
        x, y = validate_data(
            self, X, y, dtype=np.float32, allow_nd=True, multi_output=True, y_numeric=True, reset=reset
        )
        return x, check_array(y, ensure_2d=False, dtype=np.float32, input_name="y")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _optimizer(who: str, given: Any) -> Callable[..., Any]:
    if isinstance(given, str):
        names = {name.lower(): name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
        names.pop("optimizer", None)
        if given.lower() not in names:
            raise ValueError(
                describe(f"{who}: there is no optimiser {given!r}", f"there are: {', '.join(sorted(names.values()))}")
            )
        given = getattr(optim, names[given.lower()])
    if not callable(given):
        raise DTypeError(
            describe(
                f"{who}: optimizer is a name, or a function that makes one, got {type(given).__name__}",
                hint="such as gg.optim.SGD, or functools.partial(gg.optim.SGD, momentum=0.9)",
            )
        )
    found: Callable[..., Any] = given
    return found

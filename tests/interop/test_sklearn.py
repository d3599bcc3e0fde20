"""scikit-learn's own estimator checks, and what people do with estimators."""

from __future__ import annotations

import functools
import io
import sys
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from tests.train.problems import clouds

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

Classifier, Regressor = gg.interop.sklearn.Classifier, gg.interop.sklearn.Regressor
QUICK: dict[str, Any] = {"hidden_layer_sizes": 16, "epochs": 15, "lr": 0.03}


# No check is expected to fail. Those on tables of pandas and on array_api are skipped by scikit-learn itself where
# pandas, or the SCIPY_ARRAY_API switch, is missing.
@pytest.mark.filterwarnings("ignore::UserWarning")
@parametrize_with_checks([Classifier(**QUICK), Regressor(**QUICK)])
def test_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    check(estimator)


def linear(inputs: int, outputs: int) -> gg.nn.Module:
    return gg.nn.Linear(inputs, outputs)


def bits(estimator: Any) -> bytes:
    return b"".join(value.data.tobytes() for value in estimator.model_.state_dict().values())


def test_a_classifier_learns_and_repeats() -> None:
    x, t = clouds(80)
    names = np.array(["left", "right", "up"])[t]
    first, again, other = (Classifier(**QUICK, random_state=seed).fit(x, names) for seed in (0, 0, 1))
    assert first.score(x, names) > 0.85
    assert first.classes_.tolist() == ["left", "right", "up"]
    assert first.n_iter_ == first.history_.epochs == 15
    probabilities = first.predict_proba(x)
    assert probabilities.shape == (80, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert np.array_equal(first.classes_[probabilities.argmax(axis=1)], first.predict(x))
    logits = gg.train.predict(first.model_, x)
    np.testing.assert_allclose(probabilities, gg.softmax(logits, axis=1).data, rtol=1e-5)
    assert bits(first) == bits(again) != bits(other)


def test_without_random_state_the_seed_of_the_process_decides() -> None:
    x, t = clouds()
    found = []
    for _ in range(2):
        gg.manual_seed(3)
        found += [bits(Classifier(**QUICK).fit(x, t)), bits(Classifier(**QUICK).fit(x, t))]
    assert found[:2] == found[2:]
    assert found[0] != found[1]


def test_a_training_is_that_of_fit() -> None:
    x, t = clouds()
    given, model = gg.nn.Linear(2, 3), gg.nn.Linear(2, 3)
    weights = given.weight.data.copy()
    model.load_state_dict(given.state_dict())
    estimator = Classifier(given, optimizer="SGD", lr=0.1, epochs=2, batch_size=50, random_state=0).fit(x, t)
    assert np.array_equal(given.weight.data, weights)  # a copy was trained
    optimizer, loss = gg.optim.SGD(model.parameters(), lr=0.1), gg.nn.functional.cross_entropy
    history = gg.train.fit(model, x, t, loss=loss, optimizer=optimizer, epochs=2, batch_size=50, progress=False)
    np.testing.assert_allclose(estimator.history_["loss"], history["loss"], rtol=1e-5)
    trained = estimator.model_.state_dict()["weight"].data
    np.testing.assert_allclose(trained, model.weight.data, rtol=1e-4)
    assert not np.allclose(trained, weights)


def test_factories_losses_and_optimisers() -> None:
    x, t = clouds()
    sgd = functools.partial(gg.optim.SGD, momentum=0.9)
    for optimizer, kind in (("rmsprop", gg.optim.RMSprop), (gg.optim.AdamW, gg.optim.AdamW), (sgd, gg.optim.SGD)):
        estimator = Classifier(linear, optimizer=optimizer, lr=0.05, epochs=10, random_state=0).fit(x, t)
        assert type(estimator.optimizer_) is kind
        assert estimator.score(x, t) > 0.7
    margin = Classifier(linear, loss=gg.nn.functional.multi_margin_loss, lr=0.05, epochs=10, random_state=0).fit(x, t)
    assert margin.score(x, t) > 0.7
    robust = Regressor(linear, loss=gg.nn.functional.l1_loss, lr=0.05, epochs=40, random_state=0).fit(
        x, x @ [1.0, -2.0]
    )
    assert robust.score(x, x @ [1.0, -2.0]) > 0.9


def test_several_targets_keep_their_shape() -> None:
    x, _ = clouds()
    y = np.stack([x[:, 0], x.sum(axis=1)], axis=1)
    estimator = Regressor(linear, lr=0.05, epochs=30, random_state=0).fit(x, y)
    assert estimator.predict(x).shape == y.shape
    assert estimator.score(x, y) > 0.95
    assert Regressor(**QUICK).fit(x, y[:, :1]).predict(x).shape == (50, 1)
    assert Regressor(**QUICK).fit(x, y[:, 0]).predict(x).shape == (50,)


def test_images_go_into_convolutions() -> None:
    images, labels = gg.datasets.digits()
    images, labels = images[:200].reshape(-1, 1, 8, 8), labels[:200]

    def convolution(channels: int, classes: int) -> gg.nn.Module:
        layers = gg.nn.Conv2d(channels, 4, 3), gg.nn.ReLU(), gg.nn.Flatten(), gg.nn.Linear(4 * 36, classes)
        return gg.nn.Sequential(*layers)

    assert Classifier(convolution, lr=0.01, epochs=5, random_state=0).fit(images, labels).score(images, labels) > 0.8


def test_partial_fit_goes_on() -> None:
    x, t = clouds()
    estimator = Classifier(**{**QUICK, "random_state": 0})
    with pytest.raises(ValueError, match="classes that there weren't before"):
        clone(estimator).partial_fit(x[t < 2], t[t < 2]).partial_fit(x, t)
    estimator.partial_fit(x[t < 2], t[t < 2], classes=[0, 1, 2])
    optimizer = estimator.optimizer_
    for _ in range(9):
        estimator.partial_fit(x, t)
    assert estimator.optimizer_ is optimizer
    assert estimator.n_iter_ == len(estimator.history_["loss"]) == 10
    assert estimator.history_["loss"][-1] < estimator.history_["loss"][1]
    with pytest.raises(ValueError, match="others than before"):
        estimator.partial_fit(x, t, classes=[0, 1])
    again = Classifier(**{**QUICK, "random_state": 0}).partial_fit(x[t < 2], t[t < 2], classes=[0, 1, 2])
    for _ in range(9):
        again.partial_fit(x, t)
    assert bits(again) == bits(estimator)
    regressor = Regressor(linear).partial_fit(x, x)
    with pytest.raises(gg.ShapeError, match="y has 1 targets"):
        regressor.partial_fit(x, x[:, 0])


def test_early_stopping_goes_back_to_the_best() -> None:
    x, t = clouds(100)
    settings = {**QUICK, "epochs": 200, "n_iter_no_change": 3, "validation_fraction": 0.3, "random_state": 0}
    estimator = Classifier(**settings, early_stopping=True).fit(x, t)
    assert estimator.n_iter_ < 200
    assert "val_loss wasn't better for 3 epochs" in (estimator.history_.stopped or "")


def test_callbacks_begin_afresh_each_time() -> None:
    class Counting(gg.train.Callback):
        epochs = 0

        def on_epoch_end(self, fit: gg.train.Fit) -> None:
            self.epochs += 1
            fit.log("epochs", self.epochs)

    counting = Counting()
    estimator = Classifier(**QUICK, callbacks=[counting])
    for callbacks in ([counting], counting):
        estimator.set_params(callbacks=callbacks)
        assert estimator.fit(*clouds()).history_["epochs"][-1] == 15
    assert counting.epochs == 0


def test_verbose_shows_the_training(capsys: pytest.CaptureFixture[str]) -> None:
    Classifier(linear, epochs=1).fit(*clouds())
    assert capsys.readouterr() == ("", "")
    Classifier(linear, epochs=1, verbose=True).fit(*clouds())
    assert "loss" in capsys.readouterr().err


def test_parameters_are_read_set_and_cloned() -> None:
    module = gg.nn.Linear(2, 3)
    estimator = Classifier(module, lr=0.5, random_state=1)
    assert estimator.get_params()["lr"] == 0.5
    copied = clone(estimator.set_params(lr=0.25, epochs=3))
    assert (copied.lr, copied.epochs, copied.random_state) == (0.25, 3, 1)
    assert copied.model is not module
    assert np.array_equal(copied.model.weight.data, module.weight.data)
    assert bits(copied.fit(*clouds())) == bits(estimator.fit(*clouds()))
    with pytest.raises(ValueError, match="Invalid parameter 'rate'"):
        estimator.set_params(rate=1)


def test_pipelines_and_searches() -> None:
    x, t = gg.datasets.iris()
    pipeline = make_pipeline(StandardScaler(), Classifier(**QUICK, random_state=0))
    assert cross_val_score(pipeline, x, t, cv=3).mean() > 0.9
    search = GridSearchCV(pipeline, {"classifier__lr": [1e-6, 0.03], "classifier__optimizer": ["SGD", "Adam"]}, cv=2)
    search.fit(x, t)
    assert search.best_params_ == {"classifier__lr": 0.03, "classifier__optimizer": "Adam"}
    space = {"classifier__lr": gg.train.loguniform(1e-4, 0.1), "classifier__hidden_layer_sizes": [8, (8, 4)]}
    random = RandomizedSearchCV(pipeline, space, n_iter=2, cv=2, random_state=0).fit(x, t)
    assert 1e-4 <= random.best_params_["classifier__lr"] <= 0.1
    house = 1000.0 + 300.0 * x[:, 0]
    scaled = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), Regressor(**QUICK)), transformer=StandardScaler()
    )
    assert scaled.fit(x, house).score(x, house) > 0.95


def test_a_fitted_estimator_is_saved_and_goes_on() -> None:
    joblib = pytest.importorskip("joblib")
    x, t = clouds()
    estimator = Classifier(**QUICK, random_state=0).fit(x, t)
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    loaded = joblib.load(file)
    assert np.array_equal(loaded.predict_proba(x), estimator.predict_proba(x))
    # The optimiser moves the loaded model's own weights, with what it remembers.
    assert bits(loaded.partial_fit(x, t)) == bits(estimator.partial_fit(x, t))
    assert bits(loaded) != bits(Classifier(**QUICK, random_state=0).fit(x, t))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": gg.nn.Linear(2, 4)}, gg.ShapeError, r"gives shape \(32, 4\)(.|\n)*a score for each class"),
        ({"model": 3}, gg.DTypeError, "model is a Module"),
        ({"model": lambda inputs, outputs: None}, gg.DTypeError, "model is a Module"),
        ({"optimizer": "Adma"}, ValueError, "no optimiser 'Adma'"),
        ({"optimizer": 3}, gg.DTypeError, "a name, or a function"),
        ({"hidden_layer_sizes": 2.5}, ValueError, "each of hidden_layer_sizes is a whole number from 1"),
        ({"hidden_layer_sizes": (8, 2.7)}, ValueError, "each of hidden_layer_sizes is a whole number from 1"),
        ({"epochs": -1}, ValueError, "epochs is a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size is a whole number"),
    ],
)
def test_what_does_not_fit_is_refused(options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Classifier(**options).fit(*clouds())


def test_asked_before_it_was_fitted() -> None:
    for ask in (Classifier().predict, Classifier().predict_proba, Regressor().predict):
        with pytest.raises(NotFittedError):
            ask(np.zeros((1, 2)))


def test_the_room_loads_nothing_until_it_is_asked(run_python: Any) -> None:
    code = "import sys, graphgrad as gg; gg.interop; dir(gg.interop); gg.train; print('sklearn' in sys.modules)"
    assert run_python("-c", code).stdout == "False\n"


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "graphgrad.interop.sklearn")
    monkeypatch.delattr(gg.interop, "sklearn")
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"pip install 'graphgrad\[data\]'"):
        _ = gg.interop.sklearn

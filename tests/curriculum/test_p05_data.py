"""Worked numbers of P05 on data, and those of other parts on sequences and augmentation; and what is misprinted."""

import math

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.datasets.planar import spiral
from graphgrad.datasets.sequences import echo, encoded, numbered, ordered
from graphgrad.lessons.curriculum import WorkedNumber
from tests.worked import Check


def column(values):
    return np.array(values, dtype=np.float64)[:, None]


@pytest.mark.worked("W089")
@pytest.mark.curriculum("P05.15", "P05.16")
def test_z_normalisation(example: WorkedNumber, check: Check) -> None:
    train = column(example.input["train"])
    scaler = gg.data.StandardScaler().fit(train)
    found = {
        "mu": scaler.mean_.item(),
        "var": scaler.var_.item(),
        "train_z": scaler.transform(train)[:, 0],
        "test_z": scaler.transform(column([example.input["test"]])).item(),
    }
    check(example, found)


@pytest.mark.worked("W090")
@pytest.mark.curriculum("P05.17")
def test_min_max(example: WorkedNumber, check: Check) -> None:
    x = column(example.input["x"])
    minus_one = gg.data.MinMaxScaler((-1, 1)).fit_transform(x)
    check(example, {"zero_one": gg.data.MinMaxScaler().fit_transform(x)[:, 0], "minus_one": minus_one[:, 0]})


@pytest.mark.worked("W091")
@pytest.mark.curriculum("P05.18")
def test_row_normalisation(example: WorkedNumber, check: Check) -> None:
    check(example, {"out": gg.data.normalize(np.array(example.input["x"], dtype=np.float64))})


@pytest.mark.worked("W092")
@pytest.mark.curriculum("P05.21")
def test_the_range_of_mnist(example: WorkedNumber, check: Check) -> None:
    normalise = gg.data.Normalize(example.input["mean"], example.input["std"])
    check(example, {"range": normalise(np.array([0.0, 1.0]).reshape(1, 1, 2)).ravel()})


@pytest.mark.worked("W093")
@pytest.mark.curriculum("P05.19")
def test_one_hot_vectors(example: WorkedNumber, check: Check) -> None:
    labels = list(example.input["labels"])
    vectors = gg.data.one_hot(gg.data.LabelEncoder(labels).transform(labels), dtype="int64")
    e2 = gg.data.one_hot([1], example.input["code_0100"], dtype="int64")[0]
    check(example, {**dict(zip(labels, vectors, strict=True)), "e2": e2})


@pytest.mark.worked("W094")
@pytest.mark.curriculum("P05.08", "P05.09", "P13.18")
def test_sizes_of_splits(example: WorkedNumber, check: Check) -> None:
    def sizes(kind):
        shares = [percent / 100 for percent in example.input[kind]]
        parts = gg.data.random_split(range(example.input[f"{kind}_m"]), shares)
        together = np.sort(np.concatenate([part.indices for part in parts]))
        assert np.array_equal(together, np.arange(len(together)))  # disjoint, and nothing is left out
        return [len(part) for part in parts]

    check(example, {"small_n": sizes("small"), "large_n": sizes("large")})


@pytest.mark.worked("W095")
@pytest.mark.curriculum("P05.10")
def test_mini_batches_of_an_epoch(example: WorkedNumber, check: Check) -> None:
    count, size = example.input["N"], example.input["B"]
    loader = gg.data.DataLoader(gg.data.ArrayDataset(np.zeros(count, dtype=np.int8)), batch_size=size)
    lengths = [len(batch) for (batch,) in loader]
    assert len(loader) == len(lengths)
    check(example, {"batches": len(lengths), "last": lengths[-1], "quotient": sum(lengths) / size})


@pytest.mark.worked("W096")
@pytest.mark.curriculum("P05.10")
def test_the_samples_of_step_t(example: WorkedNumber, check: Check) -> None:
    data = gg.data.ArrayDataset(np.arange(1, example.input["N"] + 1))
    batches = [batch.tolist() for (batch,) in gg.data.DataLoader(data, batch_size=example.input["B"])]
    found = [t % len(batches) for t in example.input["t"]]
    first, last = ([batches[t][place] for t in found] for place in (0, -1))
    check(example, {"tprime": found, "first": first, "last": last})


@pytest.mark.worked("W097")
@pytest.mark.curriculum("P05.14")
def test_copies_waste_work(example: WorkedNumber, check: Check) -> None:
    generator = np.random.default_rng(0)
    X, w = generator.normal(size=(10, 3)), gg.tensor(np.ones(3), dtype="float64", requires_grad=True)

    def gradient(data):
        w.grad = None
        (batch,) = next(iter(gg.data.DataLoader(data, batch_size=len(data))))
        gg.mean((batch @ w) ** 2).backward()
        assert w.grad is not None
        return w.grad.numpy()

    once = gg.data.ArrayDataset(X)
    wasted = {}
    for name, (whole, different) in example.input.items():
        copies = gg.data.ConcatDataset([once] * (whole // different))
        np.testing.assert_allclose(gradient(copies), gradient(once), rtol=1e-12)
        wasted[name] = len(copies) // len(once)
    check(example, wasted)


@pytest.mark.worked("W098")
@pytest.mark.curriculum("P05.07", "P05.24")
def test_images_as_vectors(example: WorkedNumber, check: Check) -> None:
    sizes = [np.zeros((1, *shape), dtype=np.int8).reshape(1, -1).T.shape[0] for shape in example.input["shapes"]]
    check(example, {"n": sizes})


@pytest.mark.worked("W099")
@pytest.mark.curriculum("P05.01")
def test_the_information_of_a_label(example: WorkedNumber, check: Check) -> None:
    classes = example.input["classes"]
    entropy = gg.sum(gg.entr(gg.full(classes, 1.0 / classes, dtype="float64")))
    check(example, {"bits": entropy.item() / math.log(2.0)})


@pytest.mark.worked("W100")
@pytest.mark.curriculum("P05.20")
def test_tokens_and_their_numbers(example: WorkedNumber, check: Check) -> None:
    tokens = gg.data.tokenize(example.input["text"])
    check(example, {"tokens": tokens, "ids": gg.data.Vocabulary(tokens).encode(tokens)})


@pytest.mark.worked("W101")
@pytest.mark.curriculum("P05.20")
def test_padding_in_front(example: WorkedNumber, check: Check) -> None:
    check(example, {"out": gg.data.pad_sequences(example.input["seqs"], maxlen=example.input["maxlen"])})


@pytest.mark.worked("W102")
@pytest.mark.curriculum("P05.25")
def test_points_of_the_spirals(example: WorkedNumber, check: Check) -> None:
    classes = example.input["C"]
    X, t = gg.datasets.spirals(3, classes)  # at the times 0, 1/2 and 1
    rows = [X[(t == c - 1).nonzero()[0][round(2 * time)]] for c, time in example.input["ct"]]
    np.testing.assert_allclose(rows, example.expected["X"], rtol=1e-6)  # the set is float32
    check(example, {"X": [spiral(time, c, classes) for c, time in example.input["ct"]]})


@pytest.mark.worked("W103")
@pytest.mark.curriculum("P05.26")
def test_the_grid_of_the_regression_lab(example: WorkedNumber, check: Check) -> None:
    x, y = gg.datasets.cubic(example.input["n"], noise=0.0)
    chosen = list(example.input["idx"])
    check(example, {"x": x[chosen, 0], "y": y[chosen, 0]})
    noisy = gg.datasets.cubic(10000, generator=np.random.default_rng(0))
    excess = noisy[1] - noisy[0] ** 3
    assert -1e-6 <= excess.min() < excess.max() <= 0.3 + 1e-6
    assert excess.mean() == pytest.approx(0.15, abs=0.005)


@pytest.mark.worked("W104")
@pytest.mark.curriculum("P05.12")
def test_class_balanced_sampling(example: WorkedNumber, check: Check) -> None:
    names = [name for members in example.input["pool"].values() for name in members]
    labels = [int(label) for label, members in example.input["pool"].items() for _ in members]
    draws = example.input["draws"]
    sampler = gg.data.ClassBalancedSampler(labels, num_samples=len(draws), shuffle=False)
    drawn = list(sampler)
    assert [labels[place] for place in drawn] == list(draws)
    check(example, {"sample": [names[place] for place in drawn]})


@pytest.mark.worked("W181")
@pytest.mark.curriculum("P12.12")
def test_augmentations_of_a_small_image(example: WorkedNumber, check: Check) -> None:
    image = np.array(example.input["img"])
    found = {
        "hflip": gg.data.hflip(image),
        "vflip": gg.data.vflip(image),
        "rot90": gg.data.rotate(image, 90, expand=True),
        "shift_right": gg.data.translate(image, (1, 0)),
    }
    check(example, found)


@pytest.mark.worked("W272")
@pytest.mark.curriculum("P19.04", "P18.08")
def test_batchification_of_the_alphabet(example: WorkedNumber, check: Check) -> None:
    columns = gg.data.batchify(example.input["text"], example.input["batch"])
    X, Y = next(gg.data.bptt_windows(columns, example.input["T"]))
    check(example, {"matrix": columns, "X": X, "Y": Y})


@pytest.mark.worked("W273")
@pytest.mark.curriculum("P19.01")
def test_a_sequence_of_the_temporal_order_task(example: WorkedNumber, check: Check) -> None:
    text = example.input["seq"]
    symbols = numbered(text)
    (rows,) = encoded([symbols], length=9)
    label = ordered([symbols])
    found = {
        "label": "QRSU"[label.item()],
        "label_onehot": gg.data.one_hot(label, 4)[0],
        "index": rows[1:].argmax(axis=1),
        "padded_rows": len(rows),
    }
    assert not rows[0].any()
    check(example, found)


@pytest.mark.worked("W274")
@pytest.mark.curriculum("P19.03")
def test_the_echo(example: WorkedNumber, check: Check) -> None:
    check(example, {"y": echo(example.input["x"], example.input["step"])})


@pytest.mark.curriculum("P05.29")
def test_shuffled_indices_destroy_what_natural_signals_have() -> None:
    images, _ = gg.datasets.digits()
    generator = np.random.default_rng(0)

    def likeness(pixels):
        """The mean correlation of a pixel with the one below."""
        columns = pixels.reshape(-1, 8, 8)
        pairs = [(columns[:, y, x], columns[:, y + 1, x]) for y in range(7) for x in range(8)]
        return np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs if a.std() and b.std()])

    assert likeness(images) > 0.4
    assert np.mean([likeness(images[:, generator.permutation(64)]) for _ in range(5)]) < 0.1

    def surprise(text):
        """Nats of a character by the one before it."""
        codes = gg.data.Vocabulary(text).encode(text)
        pairs = np.zeros((codes.max() + 1,) * 2)
        np.add.at(pairs, (codes[:-1], codes[1:]), 1.0)
        share = pairs / pairs.sum()
        given = share / share.sum(axis=1, keepdims=True).clip(1e-12)
        return -(share[share > 0] * np.log(given[share > 0])).sum()

    text = gg.datasets.sonnets()
    shuffled = "".join(generator.permutation(list(text)))
    assert surprise(text) < 0.85 * surprise(shuffled)


def test_e001_the_mean_is_over_all_samples() -> None:
    scaler = gg.data.StandardScaler().fit(column([1, 2, 3, 4]))
    assert scaler.mean_.item() == 2.5
    assert 2 / 4 * np.sum([1, 2, 3, 4]) == 5  # as printed, for i = 2


def test_e071_normalised_digits_go_beyond_one() -> None:
    low, high = gg.data.Normalize(0.1307, 0.3081)(np.array([[[0.0, 1.0]]])).ravel()
    assert (low, high) == (pytest.approx(-0.424213, abs=1e-6), pytest.approx(2.82149, abs=1e-5))


def test_e077_the_regression_lab_goes_from_minus_one() -> None:
    x, _ = gg.datasets.cubic()
    assert (x[0].item(), x[-1].item()) == (-1.0, 1.0)


def test_e079_both_forms_of_the_spiral_are_the_same_points() -> None:
    def point(c, sign, t=0.5, classes=3):
        return t * np.sin(2 * np.pi / classes * (2 * t + c + sign))

    X, t = gg.datasets.spirals(3)
    for c in (1, 2, 3):
        assert X[t == c - 1][1, 0] == pytest.approx(point(c, -1), abs=1e-6)
        assert point(c, +1) == pytest.approx(point((c + 1) % 3 + 1, -1))


def test_e080_easy_sequences_are_padded_to_nine() -> None:
    X, _ = gg.datasets.temporal_order(64, generator=np.random.default_rng(0))
    assert X.shape == (64, 9, 8)
    assert set(X.any(axis=2).sum(axis=1)) == {7, 8}


def test_e103_the_divisor_is_the_square_root_of_the_variance() -> None:
    scaler = gg.data.StandardScaler().fit(column([1, 2, 3, 4]))
    assert (scaler.scale_.item(), scaler.var_.item()) == (pytest.approx(1.11803, abs=1e-5), 1.25)


@pytest.mark.curriculum("P05.10")
def test_e107_and_e152_an_epoch_is_all_mini_batches() -> None:
    loader = gg.data.DataLoader(gg.data.ArrayDataset(np.zeros(60000, dtype=np.int8)), batch_size=128)
    assert (len(loader), 60000 / 128) == (469, 468.75)

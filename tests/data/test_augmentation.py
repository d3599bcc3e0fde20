"""Images changed by given and by random amounts."""

from __future__ import annotations

import numpy as np
import pytest

import graphgrad as gg

IMAGES = np.random.default_rng(0).random((40, 3, 9, 9), dtype=np.float32)
ALL = [
    gg.data.RandomHorizontalFlip(),
    gg.data.RandomVerticalFlip(),
    gg.data.RandomAffine(20, (0.2, 0.1), (0.8, 1.2), 10),
    gg.data.RandomRotation(30, mode="edge"),
    gg.data.RandomTranslation(0.2, 0.2, mode="reflect"),
    gg.data.RandomZoom((0.7, 1.3)),
    gg.data.RandomShear(20, fill=0.5),
    gg.data.RandomCrop(9, padding=2),
    gg.data.ElasticTransform(1.0, 2.0),
    gg.data.ColorJitter(0.4, 0.4, 0.4, 0.1),
    gg.data.RandomGrayscale(0.5),
    gg.data.GaussianNoise(sigma=0.1),
    gg.data.RandomErasing(),
    gg.data.RandomErasing(value="random"),
    gg.data.Cutout(4),
    gg.data.RandomApply(gg.data.GaussianNoise(), 0.5),
    gg.data.Compose([gg.data.RandomHorizontalFlip(), gg.data.Cutout(3, n_holes=2)]),
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.curriculum("P12.12")
@pytest.mark.parametrize("change", ALL, ids=repr)
def test_a_seed_repeats_it_and_images_differ(change) -> None:
    before = IMAGES.copy()
    first = change(IMAGES, rng())
    np.testing.assert_array_equal(IMAGES, before)
    assert (first.shape, first.dtype) == (IMAGES.shape, IMAGES.dtype)
    assert not np.shares_memory(first, IMAGES)
    np.testing.assert_array_equal(change(IMAGES, rng()), first)
    assert not np.array_equal(change(IMAGES, rng(1)), first)
    assert np.isfinite(first).all()
    same = np.repeat(IMAGES[:1], 40, axis=0)
    assert len({image.tobytes() for image in change(same, rng())}) > 1
    single = change(IMAGES[0], rng())
    np.testing.assert_array_equal(single, change(IMAGES[:1], rng())[0])
    assert isinstance(change(gg.tensor(IMAGES), rng()), gg.Tensor)
    gg.manual_seed(4)
    drawn = change(IMAGES)
    gg.manual_seed(4)
    np.testing.assert_array_equal(change(IMAGES), drawn)


# --- by given amounts -------------------------------------------------------------------------------------------------


def test_shifts_by_whole_and_by_half_pixels() -> None:
    image = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert gg.data.translate(image, (-1, 1), fill=9).tolist() == [[9, 9, 9], [2, 3, 9]]
    assert gg.data.translate(image, (1, 0), mode="edge").tolist() == [[1, 1, 2], [4, 4, 5]]
    assert gg.data.translate(image, (1, 0), mode="reflect").tolist() == [[2, 1, 2], [5, 4, 5]]
    assert gg.data.translate(image, (0.5, 0)).tolist() == [[0.5, 1.5, 2.5], [2.0, 4.5, 5.5]]


@pytest.mark.parametrize("angle", [90, 180, 270, -90, 360, 450])
def test_quarter_turns_are_exact(angle) -> None:
    square = IMAGES[0]
    expected = np.rot90(square, angle // 90, axes=(1, 2))
    np.testing.assert_array_equal(gg.data.rotate(square, angle), expected)
    # The same through the interpolation.
    np.testing.assert_allclose(gg.data.affine(square, angle), expected, atol=1e-6)


def test_a_turn_and_back_keeps_the_middle() -> None:
    y, x = np.mgrid[:31, :31]
    smooth = np.sin(x / 6) * np.cos(y / 7)
    back = gg.data.rotate(gg.data.rotate(smooth, 25), -25)
    np.testing.assert_allclose(back[10:21, 10:21], smooth[10:21, 10:21], atol=0.02)
    whole = gg.data.rotate(np.ones((4, 8)), 45, expand=True)
    assert whole.shape == (9, 9)
    assert whole.sum() == pytest.approx(32, rel=0.06)


def test_zoom_and_shear() -> None:
    y, x = np.mgrid[-4:5, -4:5].astype(float)
    inner = np.s_[2:7, 2:7]
    np.testing.assert_allclose(gg.data.affine(x, scale=2.0), x / 2, atol=1e-9)
    sheared = gg.data.affine(x, shear=45)
    np.testing.assert_allclose(sheared[inner], (x - y)[inner], atol=1e-9)
    flat = gg.data.affine(y, shear=(0.0, 45))
    np.testing.assert_allclose(flat[inner], (y - x)[inner], atol=1e-9)


def test_whole_numbers_stay_whole() -> None:
    image = (IMAGES[0] * 255).astype(np.uint8)
    turned = gg.data.rotate(image, 30)
    assert turned.dtype == np.uint8
    assert gg.data.RandomAffine(10)(image).dtype == np.uint8


def test_a_number_reaches_to_both_sides() -> None:
    assert gg.data.RandomZoom(0.2).scale == (0.8, 1.2)
    assert gg.data.RandomRotation(np.float32(10)).degrees == (-10.0, 10.0)  # type: ignore[arg-type]
    assert gg.data.RandomAffine(scale=np.array([0.5, 2.0]), translate=np.array([0.1, 0.2])).translate == (0.1, 0.2)  # type: ignore[arg-type]
    # Far out of the image, and hardly any scale, are no reason for a warning.
    assert not gg.data.translate(np.ones((3, 3)), (1e300, 0)).any()
    assert gg.data.affine(np.ones((3, 3)), scale=1e-4)[1, 1] == 1.0


@pytest.mark.parametrize("change", ALL, ids=lambda change: type(change).__name__)
def test_no_images_and_those_that_may_not_be_written_to(change) -> None:
    assert change(IMAGES[:0]).shape == IMAGES[:0].shape
    held = IMAGES[:3, :, ::-1]
    held.flags.writeable = False
    np.testing.assert_array_equal(change(held, rng()), change(held.copy(), rng()))


def test_five_crops() -> None:
    crops = gg.data.five_crop(IMAGES, (4, 5))
    assert {crop.shape for crop in crops} == {(40, 3, 4, 5)}
    np.testing.assert_array_equal(crops[3], IMAGES[..., 5:, 4:])


# --- by random amounts ------------------------------------------------------------------------------------------------


def test_amounts_lie_in_their_ranges() -> None:
    ramp = np.tile(np.arange(40.0), (200, 1, 40, 1))
    moved = gg.data.RandomTranslation(0.0, 0.1, mode="edge")(ramp, rng())
    shifts = (ramp - moved)[:, 0, 20, 20]
    assert -4.0 <= shifts.min() < -3.0 < 3.0 < shifts.max() <= 4.0
    np.testing.assert_allclose((ramp - moved)[:, 0, 5:35, 20], np.tile(shifts[:, None], 30))
    flipped = (gg.data.RandomHorizontalFlip(0.25)(ramp, rng())[:, 0, 0, 0] == 39).mean()
    assert 0.15 < flipped < 0.35


def test_a_crop_is_a_piece_of_the_padded_image() -> None:
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    padded = np.pad(image[0, 0], 1)
    pieces = {padded[i : i + 4, j : j + 4].tobytes() for i in range(3) for j in range(3)}
    found = {crop.tobytes() for crop in gg.data.RandomCrop(4, padding=1)(np.repeat(image, 200, axis=0), rng())}
    assert found == pieces


def test_elastic_offsets_have_the_size_that_is_asked_for() -> None:
    ramp = np.tile(np.arange(60.0), (20, 1, 60, 1))
    offsets = (gg.data.ElasticTransform(2.0, 3.0)(ramp, rng()) - ramp)[..., 12:48, 12:48]
    assert offsets.std() == pytest.approx(2.0, rel=0.15)
    assert np.abs(np.diff(offsets, axis=-1)).mean() < 0.7  # smooth


def test_colours() -> None:
    red = np.zeros((1, 3, 2, 2))
    red[:, 0] = 1.0
    third = gg.data.ColorJitter(hue=(1 / 3, 1 / 3))(red)
    np.testing.assert_allclose(third[0, :, 0, 0], [0, 1, 0], atol=1e-12)  # green
    grey = gg.data.ColorJitter(saturation=(0, 0))(red)
    np.testing.assert_allclose(grey[0, :, 0, 0], 0.299)
    flat = gg.data.ColorJitter(contrast=(0, 0))(IMAGES)
    assert np.ptp(flat[0]) < 1e-6
    np.testing.assert_allclose(gg.data.ColorJitter(hue=(0.0, 1e-12))(IMAGES), IMAGES, atol=1e-5)
    jittered = gg.data.ColorJitter(0.9, 0.9, 0.9, 0.5)(IMAGES, rng())
    assert jittered.min() >= 0.0
    assert jittered.max() <= 1.0


def test_colour_by_the_hsv_of_the_standard_library() -> None:
    import colorsys

    turned = gg.data.ColorJitter(hue=(0.2, 0.2))(IMAGES[:1])[0].reshape(3, -1).T
    for before, after in zip(IMAGES[0].reshape(3, -1).T, turned, strict=True):
        h, s, v = colorsys.rgb_to_hsv(*map(float, before))
        np.testing.assert_allclose(after, colorsys.hsv_to_rgb((h + 0.2) % 1.0, s, v), atol=1e-5)


def test_what_is_cut_out() -> None:
    ones = np.ones((500, 1, 20, 20))
    holes = 1 - gg.data.Cutout(6)(ones, rng())
    assert holes.sum(axis=(1, 2, 3)).max() == 36
    assert holes.mean(axis=(0, 1)).min() > 0
    erased = 1 - gg.data.RandomErasing(1.0, scale=(0.1, 0.2), ratio=(1.0, 1.0))(ones, rng())
    areas = erased.mean(axis=(1, 2, 3))
    assert 0.08 < areas.min() < areas.max() < 0.22
    assert (gg.data.RandomErasing(0.0)(ones, rng()) == 1).all()


@pytest.mark.curriculum("P12.13")
def test_copies_made_in_advance_and_changes_made_online() -> None:
    labels = np.arange(40)
    change = gg.data.RandomAffine(20)
    X, t = gg.data.augment(IMAGES, labels, change, copies=3, batch_size=7, generator=rng())
    assert (X.shape, t.tolist()) == ((160, 3, 9, 9), list(range(40)) * 4)
    np.testing.assert_array_equal(X[:40], IMAGES)
    assert len({image.tobytes() for image in X[::40]}) == 4
    alone, _ = gg.data.augment(IMAGES, labels, change, keep=False)
    assert len(alone) == 40
    data = gg.data.ArrayDataset(IMAGES, labels)
    online = gg.data.DataLoader(data, 40, transform=change, generator=rng())
    first, second = (next(iter(online))[0].numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    with pytest.raises(gg.ShapeError, match="40 images and 39 labels"):
        gg.data.augment(IMAGES, labels[1:], change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gg.data.RandomHorizontalFlip(1.5), "p is a number from 0 to 1"),
        (lambda: gg.data.RandomAffine((3, 1)), "degrees is a number from 0, or two that go up"),
        (lambda: gg.data.RandomAffine(-3), "degrees is a number from 0"),
        (lambda: gg.data.RandomAffine(translate=(2, 0)), "translate is a number from 0 to 1"),
        (lambda: gg.data.RandomAffine(shear=90), "shear is below 90"),
        (lambda: gg.data.RandomAffine(mode="wrap"), "mode is one of"),
        (lambda: gg.data.RandomZoom((0.0, 1.0)), "scale is a number from 0"),
        (lambda: gg.data.RandomRotation((-np.inf, 3)), "degrees is a number from 0"),
        (lambda: gg.data.RandomRotation("ab"), "degrees is a number from 0"),  # type: ignore[arg-type]
        (lambda: gg.data.RandomVerticalFlip("often"), "p is a number from 0 to 1"),  # type: ignore[arg-type]
        (lambda: gg.data.rotate(np.ones((2, 2)), np.nan), "angle is finite"),
        (lambda: gg.data.affine(np.ones((2, 2)), translate=(np.inf, 0)), "translate is finite"),
        (lambda: gg.data.affine(np.ones((2, 2)), mode="wrap"), "mode is one of"),
        (lambda: gg.data.affine(np.ones((2, 2)), shear=(45, 45)), "less than 90 degrees"),
        (lambda: gg.data.vflip(np.ones(2)), "vflip: images of shape"),
        (lambda: gg.data.rotate(np.ones(2), 90), "rotate: images of shape"),
        (lambda: gg.data.RandomCrop(0), "size is a whole number from 1"),
        (lambda: gg.data.CenterCrop((1, 2, 3)), "a height and a width, or one for both"),  # type: ignore[arg-type]
        (lambda: gg.data.ElasticTransform(mode="wrap"), "mode is one of"),
        (lambda: gg.data.GaussianNoise(mean=np.nan), "mean and sigma are finite"),
        (lambda: gg.data.Normalize(np.nan, 1.0), "mean is finite"),
        (lambda: gg.data.affine(np.ones((2, 2)), scale=0), "scale has to be above 0"),
        (lambda: gg.data.affine(np.ones((2, 2)), shear=90), "less than 90 degrees"),
        (lambda: gg.data.affine(np.ones(2)), "images of shape"),
        (lambda: gg.data.RandomCrop(10)(IMAGES), "10 × 10 can't be cut out of 9 × 9"),
        (lambda: gg.data.ColorJitter(hue=0.7), "between -0.5 and 0.5"),
        (lambda: gg.data.ColorJitter(saturation=0.5)(IMAGES[:, :1]), "need 3 channels, got 1"),
        (lambda: gg.data.GaussianNoise(sigma=-1), "sigma is a number from 0"),
        (lambda: gg.data.ElasticTransform(sigma=0), "sigma above 0"),
        (lambda: gg.data.RandomErasing(value="red"), "'random'"),
        (lambda: gg.data.Normalize(0.0, 0.0), "std is above 0"),
        (lambda: gg.data.Normalize([0.0, 0.0], 1.0)(IMAGES), "mean has 2 values, the images 3 channels"),
        (lambda: gg.data.Cutout(0), "size is a whole number from 1"),
        (lambda: gg.data.RandomHorizontalFlip()(IMAGES.reshape(40, -1)), r"X.reshape\(-1, 1, 8, 8\)"),
    ],
)
def test_amounts_that_are_none(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_colours_are_from_zero_to_one() -> None:
    with pytest.raises(gg.DTypeError, match="X / 255"):
        gg.data.GaussianNoise()(np.ones((1, 2, 2), dtype=np.uint8))

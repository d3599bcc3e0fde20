"""Schedules against PyTorch's, step by step; their state; how they are put together; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.optim import lr_scheduler as lrs
from tests.optim.schedules import SCHEDULES, STEPS, follow, groups, state, step

ORACLE = Path(__file__).resolve().parent.parent / "oracle" / "schedules.npz"
NO_GRADIENT = [gg.ones(1, requires_grad=True), gg.ones(1, requires_grad=True)]


def two_groups(optimiser: str = "SGD") -> Any:
    return getattr(gg.optim, optimiser)(groups(NO_GRADIENT))


def one_group(lr: float = 0.8) -> gg.optim.SGD:
    return gg.optim.SGD([NO_GRADIENT[0]], lr=lr)


def rates(scheduler: Any, steps: int) -> list[float]:
    """The rate of the first group at first and after each step."""
    found = [scheduler.get_last_lr()[0]]
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
        found.append(scheduler.get_last_lr()[0])
    return found


def strictly(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict through strict JSON and back."""
    back: dict[str, Any] = json.loads(json.dumps(state, allow_nan=False))
    return back


# ---- agreement


@pytest.mark.curriculum("P08.19", "P08.21", "P08.22")
@pytest.mark.parametrize("name", SCHEDULES)
def test_each_of_100_steps_is_that_of_torch(name: str) -> None:
    with np.load(ORACLE, allow_pickle=False) as theirs:
        expected = theirs[name]
    rows = follow(two_groups(), lrs, name)
    assert rows.shape == (STEPS + 1, 4)
    np.testing.assert_allclose(rows[:, : expected.shape[1]], expected, rtol=1e-12, atol=1e-15)
    if expected.shape[1] == 2:
        assert not np.ptp(rows[:, 2:], axis=0).any()


def test_every_schedule_of_torch_is_among_the_cases() -> None:
    torch = pytest.importorskip("torch")
    made = {type(make(lrs, two_groups())).__name__ for make in SCHEDULES.values()}
    assert made | {"LRScheduler"} == set(torch.optim.lr_scheduler.__all__)
    assert set(torch.optim.lr_scheduler.__all__) <= set(lrs.__all__)


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_live_torch_says_the_same(name: str, optimiser: str) -> None:
    pytest.importorskip("torch")
    from tests.oracle.make_schedules import answer

    np.testing.assert_allclose(
        follow(two_groups(optimiser), lrs, name), answer(name, optimiser), rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("name", [name for name in SCHEDULES if not name.startswith("plateau")])
def test_get_last_lr_is_what_the_groups_have(name: str) -> None:
    optimizer = two_groups()
    seen = []

    def look(scheduler: Any) -> None:
        seen.append(scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups])

    follow(optimizer, lrs, name, look)
    assert seen == [True] * STEPS


def test_fractions_of_an_epoch_restart_as_with_torch() -> None:
    torch = pytest.importorskip("torch")
    for options in ({"T_0": 5}, {"T_0": 4, "T_mult": 3, "eta_min": 0.001}):
        ours = lrs.CosineAnnealingWarmRestarts(two_groups(), **options)
        theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            torch.optim.SGD(groups([torch.ones(1), torch.ones(1)])), **options
        )
        theirs.optimizer.step()
        for time in [i / 7 for i in range(180)] + [3, 0, 11.5]:
            ours.step(time)
            theirs.step(time)
            np.testing.assert_allclose(ours.get_last_lr(), theirs.get_last_lr(), rtol=1e-11)
            assert ours.last_epoch == theirs.last_epoch
        for _ in range(30):
            ours.step()
            theirs.step()
            np.testing.assert_allclose(ours.get_last_lr(), theirs.get_last_lr(), rtol=1e-11)


# ---- state


@pytest.mark.parametrize("at", [0, 13, 64])
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_state_goes_on_bit_for_bit_through_json(name: str, at: int) -> None:
    whole = follow(two_groups(), lrs, name)
    optimizer = two_groups()
    scheduler = SCHEDULES[name](lrs, optimizer)
    for t in range(at):
        step(scheduler, name, t)
    saved, saved_optimizer = strictly(scheduler.state_dict()), strictly(optimizer.state_dict())
    again = two_groups()
    resumed = SCHEDULES[name](lrs, again)
    again.load_state_dict(saved_optimizer)
    resumed.load_state_dict(saved)
    assert strictly(resumed.state_dict()) == saved
    for t in range(at, STEPS):
        step(resumed, name, t)
        assert state(again) == whole[t + 1].tolist()


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_state_of_torch_can_be_loaded_and_ours_there(name: str) -> None:
    torch = pytest.importorskip("torch")
    tensors = [torch.ones(1, requires_grad=True) for _ in range(2)]
    theirs = torch.optim.SGD(groups(tensors))
    reference = SCHEDULES[name](torch.optim.lr_scheduler, theirs)
    theirs.step()  # it warns of schedules that go on before a first step
    optimizer = two_groups()
    scheduler = SCHEDULES[name](lrs, optimizer)
    for t in range(20):
        step(reference, name, t)
    fresh = SCHEDULES[name](lrs, two_groups())
    fresh.load_state_dict(reference.state_dict())
    for mine, group in zip(fresh.optimizer.param_groups, theirs.param_groups, strict=True):
        mine.update({key: value for key, value in group.items() if key in mine and key != "params"})
    for t in range(20):
        step(scheduler, name, t)
    back = SCHEDULES[name](torch.optim.lr_scheduler, torch.optim.SGD(groups(tensors)))
    back.optimizer.step()
    if "multi_step" not in name and name not in ("chain", "sequence"):  # PyTorch wants a Counter of milestones
        back.load_state_dict(scheduler.state_dict())
        for theirs_now, group in zip(back.optimizer.param_groups, optimizer.param_groups, strict=True):
            theirs_now.update({key: value for key, value in group.items() if key != "params"})
    else:
        back = reference
    for t in range(20, STEPS):
        step(reference, name, t)
        step(fresh, name, t)
        if back is not reference:
            step(back, name, t)
        np.testing.assert_allclose(state(fresh.optimizer), state(theirs), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(state(back.optimizer), state(theirs), rtol=1e-12, atol=1e-15)


def test_training_resumes_bit_for_bit() -> None:
    x, y = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3), np.ones((8, 1), np.float32)

    def start() -> tuple[Any, Any, Any]:
        model = gg.nn.Linear(3, 1, generator=np.random.default_rng(0))
        optimizer = gg.optim.Adam(model.parameters(), lr=0.1)
        return model, optimizer, lrs.OneCycleLR(optimizer, 0.2, total_steps=20)

    def learn(model: Any, optimizer: Any, scheduler: Any, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            gg.nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
            scheduler.step()

    straight = start()
    learn(*straight, 20)
    first = start()
    learn(*first, 9)
    second = start()
    for one, other in zip(second, first, strict=True):
        one.load_state_dict(other.state_dict())
    learn(*second, 11)
    for mine, theirs in zip(second[0].parameters(), straight[0].parameters(), strict=True):
        assert mine.data.tobytes() == theirs.data.tobytes()


def test_a_state_is_a_copy() -> None:
    scheduler = lrs.OneCycleLR(one_group(), 0.3, total_steps=10)
    kept = scheduler.state_dict()
    kept["_schedule_phases"][0]["end_step"] = 100
    kept["base_lrs"].append(1.0)
    assert scheduler.state_dict() != kept
    scheduler.get_last_lr().append(1.0)
    assert len(scheduler.get_last_lr()) == 1


def test_functions_are_not_saved_and_the_attributes_of_objects_are() -> None:
    class Slope:
        def __init__(self, slope: float) -> None:
            self.slope = slope

        def __call__(self, t: float) -> float:
            return 1.0 - self.slope * t

    makers: list[Any] = [lambda f: lrs.LambdaLR(one_group(), f)]
    makers.append(lambda f: lrs.CyclicLR(one_group(), 0.1, 1.0, 5, scale_fn=f))
    for make, key in zip(makers, ("lr_lambdas", "_scale_fn_custom"), strict=True):
        assert make(lambda t: 1.0).state_dict()[key] in ([None], None)
        saved = strictly(make(Slope(0.25)).state_dict())
        assert saved[key] in ([{"slope": 0.25}], {"slope": 0.25})
        function = Slope(0.5)
        make(function).load_state_dict(saved)
        assert function.slope == 0.25
        with pytest.raises(ValueError, match=key):
            make(lambda t: 1.0).load_state_dict({**saved, key: [1]})
    with pytest.raises(ValueError, match="_scale_fn_custom"):
        lrs.CyclicLR(one_group(), 0.1, 1.0, 5).load_state_dict(saved)
    assert lrs.LambdaLR(one_group(), float).state_dict()["lr_lambdas"] is not None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gamma": "x"}, "gamma is of another kind"),
        ({"gamma": True}, "gamma is of another kind"),
        ({"last_epoch": 1.5}, "last_epoch is of another kind"),
        ({"base_lrs": [0.1]}, r"another number of groups[\s\S]*expected: 2[\s\S]*got: 1 in base_lrs"),
        ({"base_lrs": [0.1, None]}, "base_lrs is of another kind"),
        ({"_last_lr": 3}, "_last_lr is of another kind"),
        ({"step": None}, "unexpected: step"),
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(change: Any, says: str) -> None:
    scheduler = lrs.StepLR(two_groups(), 3)
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=f"StepLR.load_state_dict: [\\s\\S]*{says}"):
        scheduler.load_state_dict({**before, "last_epoch": 7, **change})
    assert scheduler.state_dict() == before


def test_other_states_are_refused() -> None:
    bad: Any = [1]
    with pytest.raises(TypeError, match=r"StepLR\.load_state_dict: a mapping is needed, got list"):
        lrs.StepLR(one_group(), 3).load_state_dict(bad)
    with pytest.raises(ValueError, match=r"no state of StepLR[\s\S]*missing: step_size"):
        lrs.StepLR(one_group(), 3).load_state_dict(lrs.ExponentialLR(one_group(), 0.5).state_dict())
    multi = lrs.MultiStepLR(one_group(), [3])
    for milestones in ([5, 3], [1.5], {"a": 1}, "35"):
        with pytest.raises(ValueError, match="milestones are whole numbers"):
            multi.load_state_dict({**multi.state_dict(), "milestones": milestones})
    cycle = lrs.OneCycleLR(one_group(), 0.3, total_steps=10)
    phases = cycle.state_dict()["_schedule_phases"]
    wrongs: list[Any] = [[], [{**phases[0], "start_lr": "params"}], [{**phases[0], "extra": 1}], ["initial_lr"]]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="_schedule_phases"):
            cycle.load_state_dict({**cycle.state_dict(), "_schedule_phases": wrong})
    with pytest.raises(ValueError, match="_anneal_func_type is cos or linear"):
        cycle.load_state_dict({**cycle.state_dict(), "_anneal_func_type": "step"})
    plateau = lrs.ReduceLROnPlateau(one_group())
    with pytest.raises(ValueError, match="mode is one of min, max"):
        plateau.load_state_dict({**plateau.state_dict(), "mode": "least"})
    cyclic = lrs.CyclicLR(one_group(), 0.1, 1.0)
    with pytest.raises(ValueError, match="mode is one of triangular"):
        cyclic.load_state_dict({**cyclic.state_dict(), "mode": "square"})
    pieces = lrs.PiecewiseConstantLR(one_group(), [3], [0.1, 0.01])
    with pytest.raises(ValueError, match="one value more than milestones"):
        pieces.load_state_dict({**pieces.state_dict(), "milestones": [3, 4]})
    sequence = SCHEDULES["sequence"](lrs, two_groups())
    before = strictly(sequence.state_dict())
    broken = strictly(before)
    broken["_schedulers"][-1]["gamma"] = None
    with pytest.raises(ValueError, match=r"MultiStepLR\.load_state_dict: gamma is of another kind"):
        sequence.load_state_dict({**broken, "last_epoch": 3})
    with pytest.raises(ValueError, match="a state of each of the 6 schedules"):
        sequence.load_state_dict({**before, "_schedulers": before["_schedulers"][:2]})
    with pytest.raises(ValueError, match="it has 5 milestones"):
        sequence.load_state_dict({**before, "_milestones": [1]})
    assert strictly(sequence.state_dict()) == before


# ---- the curriculum's own, and what is put together


def test_power_decays_go_on_from_the_rate_they_find() -> None:
    for make in (
        lambda o: lrs.PowerLR(o, T=10, c=0.5),
        lambda o: lrs.InverseTimeLR(o, 0.3, decay_steps=4),
        lambda o: lrs.InverseTimeLR(o, 0.3, decay_steps=4, staircase=True),
        lambda o: lrs.InverseSqrtLR(o, warmup_steps=12),
    ):
        alone = make(one_group())
        expected = [0.8 * alone.factor(t) for t in range(51)]
        np.testing.assert_allclose(rates(alone, 50), expected, rtol=1e-13)
        optimizer = one_group()
        chained = lrs.ChainedScheduler([lrs.ExponentialLR(optimizer, 0.9), make(optimizer)])
        np.testing.assert_allclose(rates(chained, 50), expected * 0.9 ** np.arange(51), rtol=1e-12)
        optimizer = one_group()
        late = lrs.SequentialLR(optimizer, [lrs.ConstantLR(optimizer, 0.5, 100), make(optimizer)], [5])
        np.testing.assert_allclose(rates(late, 55)[5:], expected, rtol=1e-12)


def test_power_decays_resume_from_a_number_of_steps() -> None:
    optimizer = one_group()
    rates(lrs.PowerLR(optimizer, T=3), 7)
    going = lrs.PowerLR(optimizer, T=3, last_epoch=6)
    assert going.last_epoch == 7
    np.testing.assert_allclose(rates(going, 3), [0.8 / (1 + t / 3) for t in range(7, 11)], rtol=1e-13)


def test_stairs_stand_within_a_unit_of_time() -> None:
    scheduler = lrs.InverseTimeLR(one_group(), 1.0, decay_steps=3, staircase=True)
    np.testing.assert_allclose(rates(scheduler, 6), [0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.8 / 3], rtol=1e-14)


def test_warm_up_with_a_root_is_the_schedule_of_transformers() -> None:
    width, steps = 512, 40
    scheduler = lrs.InverseSqrtLR(one_group((width * steps) ** -0.5), steps)
    noam = [width**-0.5 * min(n**-0.5, n * steps**-1.5) for n in range(1, 102)]
    np.testing.assert_allclose(rates(scheduler, 100), noam, rtol=1e-13)


def test_pieces_may_differ_between_groups() -> None:
    optimizer = two_groups()
    scheduler = lrs.PiecewiseConstantLR(optimizer, [2, 3], [0.5, (0.25, 0.125), 0.0625])
    seen = [scheduler.get_last_lr()]
    for _ in range(4):
        scheduler.step()
        seen.append([group["lr"] for group in optimizer.param_groups])
    assert seen == [[0.5, 0.5], [0.5, 0.5], [0.25, 0.125], [0.0625, 0.0625], [0.0625, 0.0625]]


def test_schedules_inside_of_others_begin_where_they_begin() -> None:
    """PyTorch takes a step too many at the start of a nested one, and can't start one at a milestone."""
    o = one_group()
    inner = lrs.SequentialLR(o, [lrs.ConstantLR(o, 0.5, 100), lrs.ExponentialLR(o, 0.5)], [2])
    chained = lrs.ChainedScheduler([lrs.LinearLR(o, 0.25, total_iters=3), lrs.ExponentialLR(o, 0.5)])
    scheduler = lrs.SequentialLR(o, [inner, chained], [4])
    found = rates(scheduler, 8)
    np.testing.assert_allclose(found, [0.4, 0.4, 0.8, 0.4, 0.2, 0.2, 0.15, 0.1, 0.05], rtol=1e-13)
    again = one_group()
    inner = lrs.SequentialLR(again, [lrs.ConstantLR(again, 0.5, 100), lrs.ExponentialLR(again, 0.5)], [2])
    chained = lrs.ChainedScheduler([lrs.LinearLR(again, 0.25, total_iters=3), lrs.ExponentialLR(again, 0.5)])
    first = lrs.SequentialLR(again, [chained, inner], [4])
    np.testing.assert_allclose(rates(first, 7), [0.2, 0.2, 0.15, 0.1, 0.4, 0.4, 0.8, 0.4], rtol=1e-13)
    resumed = lrs.SequentialLR(again, [chained, inner], [4])
    resumed.load_state_dict(strictly(first.state_dict()))
    assert strictly(resumed.state_dict()) == strictly(first.state_dict())
    assert repr(first).splitlines()[1:3] == ["  ChainedScheduler(", f"    {chained._schedulers[0]!r}"]


def test_two_by_hand_on_one_optimiser_multiply() -> None:
    o = one_group()
    first, second = lrs.ExponentialLR(o, 0.5), lrs.MultiStepLR(o, [2], gamma=0.1)
    for _ in range(2):
        first.step()
        second.step()
    assert o.param_groups[0]["lr"] == pytest.approx(0.8 * 0.25 * 0.1)
    assert first.get_last_lr() == [pytest.approx(0.2)]


def test_a_factor_of_zero_ends_too() -> None:
    assert rates(lrs.ConstantLR(one_group(), factor=0, total_iters=2), 3) == [0.0, 0.0, 0.8, 0.8]


def test_a_cycle_of_a_step() -> None:
    assert rates(lrs.OneCycleLR(one_group(), 0.5, total_steps=1, pct_start=1.0), 1)[0] == 0.5


def test_numbers_of_numpy_become_plain() -> None:
    optimizer = gg.optim.SGD([NO_GRADIENT[0]], lr=np.float32(0.5))  # type: ignore[arg-type]
    scheduler = lrs.StepLR(optimizer, np.int64(2), np.float64(0.5))  # type: ignore[arg-type]
    scheduler.step()
    assert strictly(scheduler.state_dict())["_last_lr"] == [0.5]
    assert {type(value) for value in (scheduler.gamma, optimizer.param_groups[0]["lr"])} == {float}
    assert repr(scheduler) == "StepLR(step_size=2, gamma=0.5, base_lrs=[0.5], last_epoch=1)"


def test_a_metric_may_be_a_tensor_and_nan_is_no_better() -> None:
    scheduler = lrs.ReduceLROnPlateau(one_group(), factor=0.5, patience=1)
    scheduler.step(gg.tensor(2.0))
    assert scheduler.best == 2.0
    for _ in range(2):
        scheduler.step(float("nan"))
    assert scheduler.get_last_lr() == [0.4]
    with pytest.raises(TypeError, match="a number is needed, got list"):
        scheduler.step([1.0])  # type: ignore[arg-type]
    assert (scheduler.last_epoch, scheduler.best) == (3, 2.0)


def test_a_group_that_came_later() -> None:
    def added(make: Any) -> Any:
        optimizer = one_group()
        scheduler = make(optimizer)
        optimizer.add_param_group({"params": [NO_GRADIENT[1]], "lr": 0.4})
        return scheduler

    step_lr = added(lambda o: lrs.StepLR(o, 1, 0.5))  # goes on from the rate of each group
    step_lr.step()
    assert step_lr.get_last_lr() == [0.4, 0.2]
    plateau = added(lambda o: lrs.ReduceLROnPlateau(o, factor=0.5, patience=0))
    plateau.step(1.0)
    plateau.step(1.0)
    assert plateau.get_last_lr() == [0.4, 0.2]
    makers: list[Any] = [
        lambda o: lrs.LambdaLR(o, lambda t: 0.5),
        lambda o: lrs.MultiplicativeLR(o, lambda t: 0.5),
        lambda o: lrs.CosineAnnealingWarmRestarts(o, 5),
        lambda o: lrs.CyclicLR(o, 0.1, 1.0),
        lambda o: lrs.OneCycleLR(o, 1.0, total_steps=9),
        lambda o: lrs.PiecewiseConstantLR(o, [1], [0.5, 0.1]),
    ]
    for make in makers:
        scheduler = added(make)
        before = scheduler.state_dict()
        with pytest.raises(ValueError, match=r"other parameter groups[\s\S]*hint: make a schedule after"):
            scheduler.step()
        assert scheduler.state_dict() == before
    with pytest.raises(ValueError, match="other parameter groups"):
        added(lambda o: lrs.ReduceLROnPlateau(o, min_lr=[0.1])).step(1.0)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_the_step_after_the_last_stays_where_the_cycle_ends(strategy: str) -> None:
    scheduler = lrs.OneCycleLR(one_group(), 0.3, total_steps=20, anneal_strategy=strategy)
    found = rates(scheduler, 20)
    assert found[20] == found[19] == pytest.approx(0.3 / 25 / 1e4)
    assert scheduler.optimizer.param_groups[0]["momentum"] == pytest.approx(0.95)


def test_no_rounding_leads_below_zero() -> None:
    """An optimiser refuses a rate of -1e-17."""
    for total in range(1, 120):
        for start in (1 / 3, 0.1, 0.7):
            for make in (
                lambda o, total, start: lrs.LinearLR(o, start, 0.0, total),
                lambda o, total, start: lrs.PolynomialLR(o, total, 10 * start),
                lambda o, total, start: lrs.CosineAnnealingLR(o, total),
            ):
                scheduler = make(one_group(), total, start)
                for _ in range(total):
                    scheduler.step()
                assert scheduler.get_last_lr() == [pytest.approx(0.0, abs=1e-15)]
                assert scheduler.get_last_lr()[0] >= 0.0


def test_after_the_cycle_a_step_changes_nothing() -> None:
    scheduler = lrs.OneCycleLR(one_group(), 0.3, total_steps=3)
    rates(scheduler, 3)
    before = scheduler.state_dict(), state(scheduler.optimizer)
    with pytest.raises(ValueError, match=r"OneCycleLR: the cycle is over, it has 3 steps"):
        scheduler.step()
    assert (scheduler.state_dict(), state(scheduler.optimizer)) == before


def test_going_on_needs_the_first_rates() -> None:
    with pytest.raises(ValueError, match=r"StepLR: group 0 has no 'initial_lr'[\s\S]*hint: load the optimiser's state"):
        lrs.StepLR(one_group(), 3, last_epoch=4)
    optimizer = gg.optim.SGD([{"params": NO_GRADIENT, "initial_lr": 0.4}], lr=0.1)
    assert lrs.LambdaLR(optimizer, lambda t: 1 / t, last_epoch=3).get_last_lr() == [0.1]


def test_a_schedule_of_ones_own() -> None:
    with pytest.raises(NotImplementedError, match="LRScheduler: doesn't say in get_lr"):
        lrs.LRScheduler(one_group())


BAD: Any = None
HALF: Any = 2.5
TEXT: Any = "x"
THREE: Any = 3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda o: lrs.StepLR(o, 0), "StepLR: step_size is a whole number from 1"),
        (lambda o: lrs.StepLR(o, HALF), "step_size is a whole number"),
        (lambda o: lrs.StepLR(o, True), "step_size is a whole number"),
        (lambda o: lrs.StepLR(o, 2, gamma=-1), r"gamma is a finite number from 0\n"),
        (lambda o: lrs.StepLR(o, 2, gamma=float("nan")), "gamma is a finite number"),
        (lambda o: lrs.StepLR(o, 2, last_epoch=-2), "last_epoch is a whole number from -1"),
        (lambda o: lrs.MultiStepLR(o, [3, TEXT]), "a milestone is a whole number from 0"),
        (lambda o: lrs.ConstantLR(o, factor=1.5), "factor is a finite number from 0 to 1"),
        (lambda o: lrs.LinearLR(o, start_factor=0), "start_factor is above 0"),
        (lambda o: lrs.LinearLR(o, end_factor=2), "end_factor is a finite number from 0 to 1"),
        (lambda o: lrs.LinearLR(o, total_iters=0), "total_iters is a whole number from 1"),
        (lambda o: lrs.PolynomialLR(o, 0), "total_iters is a whole number"),
        (lambda o: lrs.CosineAnnealingLR(o, HALF), "T_max is a whole number"),
        (lambda o: lrs.CosineAnnealingWarmRestarts(o, 0), "T_0 is a whole number"),
        (lambda o: lrs.CosineAnnealingWarmRestarts(o, 3).step(-1), "epoch is a finite number from 0"),
        (lambda o: lrs.LambdaLR(o, [wave_of := abs, wave_of]), "lr_lambda is a function, or a list of one for each"),
        (lambda o: lrs.MultiplicativeLR(o, BAD), "lr_lambda is a function"),
        (lambda o: lrs.CyclicLR(o, [0.1, 0.2], 1.0), "base_lr is a number, or a list of one for each of the 1 groups"),
        (lambda o: lrs.CyclicLR(o, 0.1, TEXT), "max_lr is a finite number"),
        (lambda o: lrs.CyclicLR(o, 0.1, 1.0, mode="square"), "mode is one of triangular"),
        (lambda o: lrs.CyclicLR(o, 0.1, 1.0, scale_fn=THREE), "scale_fn is a function"),
        (lambda o: lrs.CyclicLR(o, 0.1, 1.0, scale_fn=abs, scale_mode="x"), "scale_mode is one of cycle, iterations"),
        (lambda o: lrs.CyclicLR(o, 0.1, 1.0, step_size_down=0), "step_size_down is a whole number"),
        (lambda o: lrs.OneCycleLR(o, 0.1), "total_steps is needed, or both epochs and steps_per_epoch"),
        (lambda o: lrs.OneCycleLR(o, 0.1, epochs=3), "total_steps is needed"),
        (lambda o: lrs.OneCycleLR(o, 0.1, total_steps=0), "total_steps is a whole number"),
        (lambda o: lrs.OneCycleLR(o, 0.1, 9, pct_start=1.5), "pct_start is a finite number from 0 to 1"),
        (lambda o: lrs.OneCycleLR(o, 0.1, 9, div_factor=0), "div_factor is a finite number above 0"),
        (lambda o: lrs.OneCycleLR(o, 0.1, 9, anneal_strategy="step"), "anneal_strategy is one of cos, linear"),
        (lambda o: lrs.ReduceLROnPlateau(o, factor=1.0), "factor is below 1"),
        (lambda o: lrs.ReduceLROnPlateau(o, mode="least"), "mode is one of min, max"),
        (lambda o: lrs.ReduceLROnPlateau(o, threshold_mode="x"), "threshold_mode is one of rel, abs"),
        (lambda o: lrs.ReduceLROnPlateau(o, patience=-1), "patience is a whole number from 0"),
        (lambda o: lrs.ReduceLROnPlateau(o, min_lr=[0.1, 0.1]), "min_lr is a number, or a list"),
        (lambda o: lrs.PowerLR(o, T=0), "T is a finite number above 0"),
        (lambda o: lrs.InverseTimeLR(o, -1.0), "decay_rate is a finite number from 0"),
        (lambda o: lrs.InverseSqrtLR(o, 0), "warmup_steps is a whole number from 1"),
        (lambda o: lrs.MultiStepLR(o, THREE), "MultiStepLR: milestones are a list of whole numbers"),
        (lambda o: lrs.PiecewiseConstantLR(o, BAD, [1]), "milestones are a list of whole numbers"),
        (lambda o: lrs.PiecewiseConstantLR(o, [3], THREE), "values are a list of rates"),
        (lambda o: lrs.SequentialLR(o, [lrs.StepLR(o, 1)], THREE), "milestones are a list of whole numbers"),
        (lambda o: lrs.PiecewiseConstantLR(o, [3, 3], [1, 2, 3]), "milestones rise"),
        (lambda o: lrs.PiecewiseConstantLR(o, [3], [1, 2, 3]), "1 milestones part 2 values"),
        (lambda o: lrs.SequentialLR(o, [], []), "schedulers is a list of at least one"),
        (lambda o: lrs.SequentialLR(o, [lrs.StepLR(o, 1)], [3]), "1 schedules are parted by 0 milestones"),
        (lambda o: lrs.SequentialLR(o, [lrs.StepLR(o, 1), lrs.StepLR(o, 2)], [0]), "a milestone is a whole number"),
        (lambda o: lrs.SequentialLR(o, [lrs.ReduceLROnPlateau(o)], []), "is a ReduceLROnPlateau, whose step needs"),
        (lambda o: lrs.SequentialLR(o, [lrs.StepLR(one_group(), 1)], []), "belongs to another optimiser"),
        (lambda o: lrs.ChainedScheduler([lrs.StepLR(o, 1)], one_group()), "belongs to another optimiser"),
        (lambda o: lrs.ChainedScheduler([same := lrs.StepLR(o, 1), same]), "is there twice"),
    ],
)
def test_what_is_refused(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make(one_group())


def test_what_is_refused_changes_no_rate() -> None:
    for make in (
        lambda o: lrs.CyclicLR(o, 0.1, 1.0, step_size_up=0),
        lambda o: lrs.OneCycleLR(o, 0.1, 9, max_momentum=[1.0, 2.0]),
    ):
        optimizer = one_group()
        before = dict(optimizer.param_groups[0])
        with pytest.raises(ValueError, match=r"CyclicLR|OneCycleLR"):
            make(optimizer)
        assert optimizer.param_groups[0] == before


def test_wrong_types() -> None:
    bad: Any = gg.nn.Linear(2, 1)
    for make in (lambda: lrs.StepLR(bad, 3), lambda: lrs.OneCycleLR(bad, 0.1, 9), lambda: lrs.ReduceLROnPlateau(bad)):
        with pytest.raises(TypeError, match="an Optimizer is needed, got Linear"):
            make()
    with pytest.raises(TypeError, match=r"schedulers\[0\] is no schedule but int"):
        lrs.ChainedScheduler([3])  # type: ignore[list-item]
    optimizer = gg.optim.Adagrad(NO_GRADIENT)
    with pytest.raises(ValueError, match=r"Adagrad has no momentum[\s\S]*cycle_momentum=False"):
        lrs.CyclicLR(optimizer, 0.1, 1.0)

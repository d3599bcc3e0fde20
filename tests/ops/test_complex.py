"""Complex numbers in every operation that takes them, and refused by every other; the convention is PyTorch's.

For a real loss L the gradient of z is ∂L/∂Re z + i ∂L/∂Im z. `gradcheck` knows nothing of that: it takes a complex
number as a pair of real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphgrad as gg
from graphgrad.autodiff.gradcheck import gradgradcheck
from graphgrad.graph.operation import Op
from graphgrad.ops import TABLE
from graphgrad.walk.file import load, save
from tests.ops.declared import (
    CASES,
    CLOSE,
    OPS,
    Case,
    assert_close,
    draw,
    each_case,
    each_op,
    formula_value,
    gradients,
    upstream,
)
from tests.ops.families import counterparts


def complexified(case: Case) -> Case:
    """The case with complex numbers in every place that takes them: those that a gradient could reach, or all."""
    rng = np.random.default_rng(case.index)
    operands = tuple(
        one + 1j * rng.uniform(0.3, 1.5, one.shape)
        if one.dtype.kind == "f" and (case.has_rule(i) or not case.op.differentiable)
        else one
        for i, one in enumerate(case.operands)
    )
    return Case(case.op, case.index, operands, case.attrs)


# A number that `choice` is given says how many there are to choose from; `astype` goes to real numbers in its samples.
COMPLEX = [
    complexified(case)
    for case in CASES
    if case.op.complex and case.op.name != "astype" and not (case.op.name == "choice" and not case.operands[0].ndim)
]
COMPLEX += [case for op in OPS for case in draw(op, with_complex=True)]
DIFFERENTIABLE = [case for case in COMPLEX if case.op.differentiable]
REFUSING = [op for op in OPS if not op.complex]


def leaves_of(case: Case, dtype: str = "complex128") -> list[Any]:
    return [
        gg.tensor(one.astype(dtype), requires_grad=case.op.differentiable) if one.dtype.kind == "c" else one
        for one in case.operands
    ]


def function_of(case: Case) -> tuple[Callable[..., Any], list[gg.Tensor]]:
    """The operation as a function of its complex operands, and these."""
    leaves = leaves_of(case)
    moving = [i for i, one in enumerate(leaves) if isinstance(one, gg.Tensor)]

    def function(*given: Any) -> Any:
        operands = list(leaves)
        for i, one in zip(moving, given, strict=True):
            operands[i] = one
        return case.run(operands)

    return function, [leaves[i] for i in moving]


# ---- values and derivatives ------------------------------------------------------------------------------------------


def test_what_takes_complex_numbers() -> None:
    taken = {op.name for op in TABLE.values() if op.complex}
    named = (
        "add subtract multiply divide negative matmul sum mean abs real imag conj angle fft ifft irfft fft2 fftn hfft"
    )
    shapes = "reshape getitem setitem stack concat split unbind where astype permute_dims"
    others = "tanh exp log softmax maximum less sort floor rfft complex view_as_complex"
    assert {*named.split(), *shapes.split()} <= taken
    assert not taken & {*others.split()}


@each_case(COMPLEX)
def test_value_is_the_formulas(case: Case) -> None:
    attrs = case.node().attrs
    for dtype, close in (("complex128", "float64"), ("complex64", "float32")):
        results = case.run(leaves_of(case, dtype))
        for ours, theirs in zip(results, formula_value(case, case.operands, attrs), strict=True):
            assert ours.data.real.dtype == np.dtype(close)
            assert_close(ours.data, theirs, CLOSE[close])


@each_case(DIFFERENTIABLE)
def test_first_order(case: Case) -> None:
    function, leaves = function_of(case)
    assert gg.gradcheck(function, leaves, atol=1e-7, rtol=1e-5)


@each_case(DIFFERENTIABLE)
def test_second_order(case: Case) -> None:
    function, leaves = function_of(case)
    assert gradgradcheck(function, leaves, eps=1e-5, atol=1e-6, rtol=1e-4)


@each_case(DIFFERENTIABLE)
def test_forward_mode(case: Case) -> None:
    function, leaves = function_of(case)
    assert gg.gradcheck(function, leaves, atol=1e-7, rtol=1e-5, check_forward_ad=True, check_backward_ad=False)


@each_case(DIFFERENTIABLE)
def test_a_recorded_pass_gives_the_same_bits(case: Case) -> None:
    plain, recorded = leaves_of(case, "complex64"), leaves_of(case, "complex64")
    results = case.run(plain)
    weights = upstream(results)
    tensors = [[one for one in leaves if isinstance(one, gg.Tensor)] for leaves in (plain, recorded)]
    expected = gradients(results, tensors[0], weights)
    found = gradients(case.run(recorded), tensors[1], weights, create_graph=True)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.dtype == theirs.dtype == np.complex64
        np.testing.assert_array_equal(ours, theirs)


@each_case(DIFFERENTIABLE)
def test_a_graph_runs_again(case: Case) -> None:
    results = case.run(leaves_of(case))
    for result in results:
        np.testing.assert_array_equal(result.graph().run().data, result.data)


def test_pytorch_agrees() -> None:
    torch = pytest.importorskip("torch")
    known = counterparts()
    asked = set()
    for case in DIFFERENTIABLE:
        if case.op.name not in known or not case.operands[0].size:
            continue  # PyTorch's view_as_real can't go back through no elements
        ours = leaves_of(case)
        results = case.run(ours)
        weights = upstream(results)
        moving = [one for one in ours if isinstance(one, gg.Tensor)]
        expected = gradients(results, moving, weights)
        theirs = [
            torch.tensor(one.data, requires_grad=True) if isinstance(one, gg.Tensor) else torch.tensor(one)
            for one in ours
        ]
        given = [theirs] if case.op.variadic else theirs
        found = known[case.op.name](*given, **case.attrs)
        found = list(found) if isinstance(found, (tuple, list)) else [found]
        torch.autograd.backward(found, [torch.tensor(weight) for weight in weights])
        slopes = [one.grad.resolve_conj().numpy() for one in theirs if one.requires_grad]
        values = [one.detach().resolve_conj().numpy() for one in found]
        for a, b in zip([*(one.data for one in results), *expected], [*values, *slopes], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=str(case))
        asked.add(case.op.name)
    assert {"multiply", "divide", "matmul", "abs", "conj", "fft", "irfftn", "sum"} <= asked


# ---- refusals --------------------------------------------------------------------------------------------------------


@each_op(REFUSING)
def test_every_other_operation_refuses_them(op: Op) -> None:
    case = next(case for case in CASES if case.op is op)
    for i, one in enumerate(case.operands):
        operands: list[Any] = list(case.operands)
        operands[i] = one.astype("complex64")
        with pytest.raises(gg.DTypeError, match=r"complex numbers are not supported[\s\S]*gg\.real\(z\)") as caught:
            case.run(operands)
        assert str(caught.value).startswith(op.name)


def test_conditions_and_indices_stay_real() -> None:
    z = gg.tensor([1j, 2.0])
    for call in (lambda: gg.where(z, z, z), lambda: gg.take(z, z)):
        with pytest.raises(gg.DTypeError, match="complex numbers are not supported"):
            call()


def test_nothing_drops_an_imaginary_part_unasked() -> None:
    z = gg.tensor([1j, 2.0])
    with pytest.raises(gg.DTypeError, match=r"take gg\.real"):
        gg.astype(z, "float32")
    with pytest.raises(gg.DTypeError, match="can't be written"):
        gg.setitem(gg.zeros(2), 1j, 0)
    x = gg.zeros(2)
    with pytest.raises(gg.DTypeError, match="can't be written to float32"):
        x += z
    with pytest.raises(gg.DTypeError, match="must be real"):
        gg.sum(gg.tensor([1.0], requires_grad=True)).backward(1j)


def test_a_pass_needs_to_know_which_way_a_complex_number_is_to_grow() -> None:
    z = gg.tensor([1 + 1j], requires_grad=True)
    with pytest.raises(gg.DTypeError, match=r"complex64[\s\S]*dL/dRe \+ i dL/dIm"):
        gg.sum(z).backward()
    gg.sum(z * z).backward(1j)
    assert z.grad is not None
    assert z.grad.tolist() == [2 + 2j]  # 1j · conj(2z)
    with pytest.raises(gg.DTypeError, match="must return a real number"):
        gg.grad(gg.sum)(z)


# ---- beside real numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("create_graph", [False, True])
def test_what_is_real_receives_the_real_part(create_graph: bool) -> None:
    x = gg.tensor([2.0, 3.0], requires_grad=True)
    z = gg.tensor([1 + 2j, 3 - 1j])
    y = gg.tanh(x)  # a computed operand, and a leaf
    (gg.real(gg.sum(gg.conj(z) * y * x))).backward(create_graph=create_graph)
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    expected = z.data.real * (np.tanh(x.data) + x.data * (1 - np.tanh(x.data) ** 2))
    np.testing.assert_allclose(x.grad.data, expected, rtol=1e-6)


def test_numbers_in_the_code_promote_nothing() -> None:
    for dtype, wide in (("float32", "complex64"), ("float64", "complex128"), ("complex64", "complex64")):
        x = gg.tensor([1.0], dtype=dtype)
        assert [one.dtype for one in (x * 1j, 1j * x, x + np.complex128(1j), x / 2j)] == [np.dtype(wide)] * 4


def test_the_derivative_of_the_size_at_zero_is_zero() -> None:
    z = gg.tensor([0j, 3 + 4j], requires_grad=True)
    gg.sum(gg.abs(z) + gg.angle(z)).backward()
    assert z.grad is not None
    np.testing.assert_allclose(z.grad.data, np.array([0, 0.6 + 0.8j + 1j * (3 + 4j) / 25]), rtol=1e-6)


def test_the_size_and_angle_of_huge_and_tiny_numbers() -> None:
    for size in (1e-300, 1e300):
        z = gg.tensor(np.array([size * (3 + 4j)]), requires_grad=True)
        gg.sum(gg.abs(z)).backward()
        assert z.grad is not None
        np.testing.assert_allclose(z.grad.data, np.array([0.6 + 0.8j]), rtol=1e-12)
        turned = gg.grad(lambda z: gg.sum(gg.angle(z)))(z)
        np.testing.assert_allclose(turned.data * size, np.array([(-0.8 + 0.6j) / 5]), rtol=1e-12)


def test_infinite_parts_make_no_nan() -> None:
    z = gg.complex([np.inf, 1.0], [1.0, -np.inf])
    np.testing.assert_array_equal(gg.real(z).data, [np.inf, 1.0])
    np.testing.assert_array_equal(gg.imag(z).data, [1.0, -np.inf])


def test_a_step_downhill_goes_against_the_gradient() -> None:
    z = gg.tensor(3 + 4j, dtype="complex128", requires_grad=True)
    for _ in range(60):
        z.grad = None
        loss = gg.abs(z - (1 - 2j)) ** 2
        loss.backward()
        assert z.grad is not None
        z.data -= 0.2 * z.grad.data
    np.testing.assert_allclose(z.item(), 1 - 2j, atol=1e-9)


# ---- Fourier transforms ----------------------------------------------------------------------------------------------


def test_transforms_keep_the_precision() -> None:
    for dtype, wide in (("float32", "complex64"), ("float64", "complex128"), ("int64", "complex128")):
        x = gg.tensor([1, 2, 3, 4], dtype=dtype)
        assert gg.fft.fft(x).dtype == gg.fft.rfft(x).dtype == np.dtype(wide)
        assert gg.fft.irfft(gg.fft.rfft(x)).dtype == np.zeros(0, wide).real.dtype


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_a_spectrum_that_is_matched_brings_the_signal_back(n: int) -> None:
    wanted = np.random.default_rng(n).normal(size=n)
    x = gg.tensor(np.zeros(n), requires_grad=True)
    spectrum = np.fft.fft(wanted)
    gg.sum(gg.abs(gg.fft.fft(x, norm="backward") - spectrum) ** 2 / (2 * n)).backward()
    assert x.grad is not None
    np.testing.assert_allclose(-x.grad.data, wanted, atol=1e-12)  # Parseval: the distance is that of the signals


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_transforms_pass_back_with_the_transpose_of_their_matrix(name: str, norm: str | None) -> None:
    """Odd and even lengths, cut and filled up with zeros; the matrix is NumPy's transform of each unit vector."""
    transform: Any = getattr(np.fft, name)
    rng = np.random.default_rng(5)
    for m, n in [(1, 1), (1, 2), (2, 3), (3, 4), (4, 3), (3, 5), (5, 4), (5, 5), (2, 8), (4, None), (5, None)]:
        units = np.eye(m) if name in ("rfft", "ihfft") else np.concatenate([np.eye(m), 1j * np.eye(m)])
        matrix = transform(units, n, norm=norm)  # of real numbers, for real and imaginary parts have a row each
        x = gg.tensor(rng.normal(size=m) + (0 if len(units) == m else 1j), requires_grad=True)
        result = getattr(gg.fft, name)(x, n, norm=norm)
        parts = np.concatenate([x.data.real, x.data.imag])[: len(units)]
        np.testing.assert_allclose(result.data, parts @ matrix, rtol=1e-11, atol=1e-12)
        (weight,) = upstream([result])
        result.backward(weight)
        assert x.grad is not None
        slopes = (matrix * np.conj(weight)).real.sum(1)
        found = np.concatenate([x.grad.data.real, x.grad.data.imag])[: len(units)]
        np.testing.assert_allclose(found, slopes, rtol=1e-11, atol=1e-12, err_msg=f"{m} to {n}")


def test_half_a_spectrum_needs_an_axis_to_be_halved() -> None:
    x = gg.tensor([1.0, 2.0])
    assert gg.fft.fftn(x, axes=()).tolist() == [1 + 0j, 2 + 0j]  # as NumPy has it
    for function in (gg.fft.rfftn, gg.fft.irfftn):
        with pytest.raises(gg.ShapeError, match="one axis at least is transformed"):
            function(x, axes=())


def test_frequencies_are_numpys() -> None:
    for n in (1, 4, 5):
        np.testing.assert_allclose(gg.fft.fftfreq(n, 0.5).data, np.fft.fftfreq(n, 0.5), rtol=1e-6)
        np.testing.assert_allclose(gg.fft.rfftfreq(n, 0.5).data, np.fft.rfftfreq(n, 0.5), rtol=1e-6)
    for arguments in ((0,), (3, 0.0), (2.5,), (3, "far"), (3, float("nan"))):
        with pytest.raises(gg.ArgumentError, match="fftfreq"):
            gg.fft.fftfreq(*arguments)


def test_numpys_functions_take_tensors() -> None:
    x: Any = gg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    spectrum: Any = np.fft.rfft(x)
    part: Any = np.real(np.fft.fft(x))
    assert (spectrum.node.op.name, part.node.op.name) == ("rfft", "real")


# ---- walks -----------------------------------------------------------------------------------------------------------


def test_a_walk_of_a_transform_is_shown_and_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = gg.tensor([0.5, 1.0], name="x", requires_grad=True)
    k = gg.tensor(1 + 2j, name="k", requires_grad=True)
    loss = gg.sum(gg.abs(gg.fft.fft(x) * k) ** 2)
    steps = gg.walk(loss)
    steps.show("text")
    told = capsys.readouterr().out
    assert "given       k = 1+2j" in told
    assert "multiply = fft · k = [1.5+0j -0.5+0j] · (1+2j) = [1.5+3j -0.5-1j]" in told
    assert "∂sum/∂fft = ∂sum/∂multiply · conj(k)" in told
    save(steps, tmp_path / "walk.json")
    again: Any = load(tmp_path / "walk.json")
    assert again.graph.run().item() == loss.item()
    for suffix in ("svg", "txt", "dot", "html", "json"):
        assert loss.graph().render(tmp_path / f"picture.{suffix}").stat().st_size > 100

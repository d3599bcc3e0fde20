"""What the tests know of eigenvalues and singular values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def finite_only(function: Callable[[Any], Any], read: Callable[[Any], Any] = lambda x: x) -> Callable[[Any], Any]:
    """A function of one matrix for a batch; nan for a matrix that holds nan or infinities in what is read of it."""

    def one(x: Any) -> tuple[Any, ...]:
        finite = np.isfinite(read(x)).all()
        found = function(x if finite else np.eye(*x.shape))
        results = tuple(found) if isinstance(found, tuple) else (found,)
        return tuple(one if finite else np.full_like(one, np.nan) for one in results)

    def batch(x: Any) -> Any:
        if not x.size:
            return function(x)
        flat = [one(member) for member in x.reshape(-1, *x.shape[-2:])]
        results = tuple(np.stack(part).reshape((*x.shape[:-2], *part[0].shape)) for part in zip(*flat, strict=True))
        return results if len(results) > 1 else results[0]

    return batch


def _triangle(UPLO: str) -> Callable[[Any], Any]:
    return np.tril if UPLO == "L" else np.triu


_eigh: Any = np.linalg.eigh  # the stubs know modes as literals only

FUNCTIONS: dict[str, Any] = {
    "eigh": lambda x, UPLO: tuple(finite_only(lambda x: tuple(np.linalg.eigh(x, UPLO)), _triangle(UPLO))(x)),
    "eigvalsh": lambda x, UPLO: finite_only(lambda x: np.linalg.eigvalsh(x, UPLO), _triangle(UPLO))(x),
    "svd": lambda x, full_matrices: tuple(finite_only(lambda x: tuple(np.linalg.svd(x, full_matrices)))(x)),
    "svdvals": finite_only(lambda x: np.linalg.svd(x, compute_uv=False)),
}

# They read one triangle and are differentiated as functions of symmetric matrices.
SYMMETRIC = {"eigh", "eigvalsh"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def signs(theirs: Any, ours: Any) -> Any:
        """Signs are LAPACK's choice, and PyTorch may bring another LAPACK than NumPy."""
        return torch.sign((theirs.detach() * torch.from_numpy(ours)).sum(-2))[..., None, :]

    def completed(columns: Any, ours: Any) -> Any:
        """PyTorch has no gradient for the one column more: it is what the others leave of it."""
        more = torch.from_numpy(ours)[..., :, columns.shape[-1] :]
        left = more - columns @ (columns.mT @ more)
        return torch.cat((columns, left / torch.linalg.vector_norm(left, dim=-2, keepdim=True)), -1)

    def eigh(x: Any, UPLO: str = "L") -> Any:
        values, vectors = torch.linalg.eigh(x, UPLO)
        return values, vectors * signs(vectors, _eigh(x.detach().numpy(), UPLO)[1])

    def svd(x: Any, full_matrices: bool = True) -> Any:
        u, s, vt = torch.linalg.svd(x, full_matrices=False)
        k = s.shape[-1]
        u_ours, _, vt_ours = np.linalg.svd(x.detach().numpy(), full_matrices)
        v_ours = vt_ours.swapaxes(-1, -2)
        u, v = u * signs(u, u_ours[..., :k]), vt.mT * signs(vt.mT, v_ours[..., :k])
        if u_ours.shape[-1] > k:
            u = completed(u, u_ours)
        if v_ours.shape[-1] > k and k:
            v = completed(v, v_ours)
        return u, s, v.mT if v.shape == v_ours.shape else torch.from_numpy(vt_ours)

    return {"eigh": eigh, "eigvalsh": torch.linalg.eigvalsh, "svd": svd, "svdvals": torch.linalg.svdvals}

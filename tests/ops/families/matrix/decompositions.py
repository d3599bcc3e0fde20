"""What the tests know of Cholesky, LU and QR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import linalg

from tests.ops.families.matrix.spectral import finite_only


def _cholesky(x: Any, upper: bool) -> Any:
    def one(x: Any) -> Any:
        read = np.triu(x) if upper else np.tril(x)
        return linalg.cholesky(x, not upper, check_finite=False) if np.isfinite(read).all() else np.full_like(x, np.nan)

    return np.vectorize(one, signature="(n,n)->(n,n)")(x) if x.size else x


def _lu(x: Any) -> tuple[Any, ...]:
    m, n = x.shape[-2:]
    k = min(m, n)
    if not x.size:
        return tuple(
            np.broadcast_to(np.eye(*shape), (*x.shape[:-2], *shape)).astype(x.dtype)
            for shape in ((m, m), (m, k), (k, n))
        )
    if x.ndim == 2:
        whole = np.isfinite(x).all()
        return tuple(one if whole else np.full_like(one, np.nan) for one in linalg.lu(np.where(whole, x, 1.0)))
    return tuple(map(np.stack, zip(*map(_lu, x), strict=True)))


_qr: Any = np.linalg.qr  # the stubs know modes as literals only

FUNCTIONS: dict[str, Any] = {
    "cholesky": _cholesky,
    "lu": _lu,
    "qr": lambda x, mode: tuple(finite_only(lambda x: tuple(_qr(x, mode)))(x)),
}

# They read one triangle and are differentiated as functions of symmetric matrices.
SYMMETRIC = {"cholesky"}


def counterparts() -> dict[str, Callable[..., Any]]:
    import torch

    def qr(x: Any, mode: str = "reduced") -> Any:
        q, r = torch.linalg.qr(x)
        # Signs are LAPACK's choice, and PyTorch may bring another LAPACK than NumPy.
        ours = torch.from_numpy(_qr(x.detach().numpy(), mode)[0])
        signs = torch.sign((q.detach() * ours[..., : q.shape[-1]]).sum(-2))
        q, r = q * signs[..., None, :], r * signs[..., None]
        if ours.shape[-1] > q.shape[-1]:
            # PyTorch has no gradient for the one column more: it is what the others leave of it.
            more = ours[..., q.shape[-1] :]
            left = more - q @ (q.mT @ more)
            q = torch.cat((q, left / torch.linalg.vector_norm(left, dim=-2, keepdim=True)), -1)
            r = torch.cat((r, torch.zeros_like(r[..., :1, :])), -2)
        return q, r

    return {
        "cholesky": lambda x, upper=False: torch.linalg.cholesky((x + x.mT) / 2, upper=upper),
        "lu": torch.linalg.lu,
        "qr": qr,
    }

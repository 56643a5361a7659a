"""Targets that are draws of a Gaussian process with mean 0 and the Matérn-3/2 kernel, as rough as one likes.

The kernel matrix comes from GPyTorch (Gardner et al. 2018). Departs from it in drawing through the Cholesky factor of the
dense matrix: its own `MultivariateNormal.rsample` silently draws from a low-rank approximation for many points. torch is
imported when something is drawn, and nothing else needs it: it has an environment of its own (`make gp-environment`).

Source: paper, section 4 and Appendix B.1.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

ENVIRONMENT = ".venv-gp"  # where `make gp-environment` installs requirements-gp.txt
MISSING = "Gaussian-process datasets need torch and GPyTorch: `make gp-environment`, or pip install -r requirements-gp.txt"


def covariance(distance: ArrayLike, scale: float) -> NDArray[np.float64]:
    """The Matérn covariance with ν = 3/2, k(r) = (1 + √3 s r) exp(−√3 s r); k(0) = 1.

    Source: paper, Appendix B.1; Rasmussen & Williams 2006, equation 4.17, with length scale 1/s.

    Parameters
    ----------
    distance : array of any shape
        r ≥ 0.
    scale : float
        s > 0, one over the length scale.

    Returns
    -------
    array of that shape
    """
    z = math.sqrt(3) * scale * np.asarray(distance, dtype=float)
    return (1 + z) * np.exp(-z)


def draw(x: ArrayLike, scale: float, normals: ArrayLike) -> NDArray[np.float64]:
    """Values of the process at some points.

    One core, 8 N² bytes for each of two matrices: 8 s and 2 GB at N = 10 000. Exact: no jitter, no approximation.

    Parameters
    ----------
    x : float64 (N, d)
    scale : float
        s > 0, one over the length scale.
    normals : (N,) or (N, draws)
        Independent standard normal numbers; the draws are a function of them.

    Returns
    -------
    array of the shape of normals
        L normals, with the Cholesky factor L of the kernel matrix. The first values do not depend (but for rounding) on the points
        after them: test points may follow the others, and share their process.

    Raises
    ------
    ValueError
        Shapes that do not match, scale ≤ 0, or a kernel matrix that is singular to rounding, as with equal points.
    ModuleNotFoundError
        There is no torch; the text says how to get it.
    """
    x, normals = np.ascontiguousarray(x, dtype=float), np.ascontiguousarray(normals, dtype=float)
    if x.ndim != 2 or normals.ndim not in (1, 2) or len(normals) != len(x):
        raise ValueError(f"x has shape {x.shape} and normals {normals.shape}; they must be (N, d) and (N,) or (N, draws)")
    if not scale > 0:
        raise ValueError(f"scale is {scale}; it must be positive")
    try:
        import torch
        from gpytorch.kernels import MaternKernel
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(MISSING, name=error.name) from None
    torch.set_num_threads(1)  # the last digits depend on how many threads share the work
    with torch.no_grad():
        kernel = MaternKernel(nu=1.5).double().requires_grad_(False)
        kernel.lengthscale = 1 / scale
        matrix = kernel(torch.from_numpy(x)).to_dense()
        factor, failed = torch.linalg.cholesky_ex(matrix, out=(matrix, torch.empty((), dtype=torch.int32)))
        if failed:
            raise ValueError(f"the kernel matrix of {len(x)} points with scale {scale} is singular; are two of them equal?")
        return (factor @ torch.from_numpy(normals)).numpy()

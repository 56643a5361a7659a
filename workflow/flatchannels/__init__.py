"""Flat channels to infinity: networks, gradient flow and the geometry of their loss landscapes."""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "Network": "networks.network",
    "Dataset": "data.dataset",
    "train": "runs.run",
    "train_many": "runs.many",
    "Run": "runs.run",
    "gradient_flow": "dynamics.flow",
    "polish": "dynamics.polish",
    "inspect": "inspection.inspection",
    "history": "inspection.history",
    "certificate": "certified",
}
__all__ = list(_HOME)


def __getattr__(name):
    # Imported when first asked for: numba takes half a second, and the Snakefile needs `flatchannels.pipeline.config` alone.
    if name in _HOME:
        return getattr(import_module(f"flatchannels.{_HOME[name]}"), name)
    raise AttributeError(f"module 'flatchannels' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})

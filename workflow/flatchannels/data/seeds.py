"""Whatever is random belongs to what it is drawn for, whatever the order of the jobs."""

import hashlib

import numpy as np


def generator(root_seed: int, *words: object) -> np.random.Generator:
    """A numpy Generator that belongs to some words.

    Parameters
    ----------
    root_seed : int
        Of the configuration.
    *words : object
        What is drawn for: a dataset's name, a network, a seed; each by its text.

    Returns
    -------
    numpy.random.Generator
    """
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([root_seed, *np.frombuffer(digest, dtype=np.uint32).tolist()]))

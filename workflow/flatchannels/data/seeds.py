"""Whatever is random belongs to what it is drawn for, whatever the order of the jobs."""

import hashlib

import numpy as np


def generator(root_seed: int, *words: object) -> np.random.Generator:
    """A numpy Generator that belongs to the words: a dataset's name, a network, a seed."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([root_seed, *np.frombuffer(digest, dtype=np.uint32).tolist()]))

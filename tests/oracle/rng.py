"""The random numbers of policies: Park and Miller 1993, said again with Python's integers."""

from __future__ import annotations

import numpy as np


class Dice:
    """Draws the same numbers as the simulator does from the same seed."""

    def __init__(self, seed: int = 0) -> None:
        (spread,) = np.random.SeedSequence(seed).generate_state(1)
        self.state = int(spread) % (2**31 - 2) + 1

    def below(self, n: int) -> int:
        """Draw one of 0 to n - 1."""
        self.state = self.state * 48271 % (2**31 - 1)
        return (self.state - 1) * n // (2**31 - 2)

"""As much of a machine as counting needs, for kit structures that count their work."""

from __future__ import annotations

import numpy as np

from reclaim import rows as r
from reclaim.counters import NR_PHASES, PHASE_WORDS
from reclaim.jit.handle import I64, Handle


class Counted(Handle):
    """The counters, and the word that says where those of the live phase begin."""

    live: I64
    counters: I64

    @classmethod
    def empty(cls) -> Counted:
        return cls(
            live=np.zeros(r.LIVE_WORDS, np.int64),
            counters=np.zeros(NR_PHASES * PHASE_WORDS, np.int64),
        )

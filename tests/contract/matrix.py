"""Every policy on every strategy with which it can run: ``python -m tests.contract.matrix``.

The same as ``reclaim check --all``; further options are its own (``--events 500``, ``--seed 3``).
"""

from __future__ import annotations

import sys

from reclaim.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["check", "--all"]
    main()

"""Print the exact versions that pip would choose today for an empty environment."""

from __future__ import annotations

import json
import re
import subprocess
import sys

HEAD = """\
# Exact versions of what the environment of the Makefile holds: Python 3.11, Linux x86-64.
# To move to newer ones: `make lock`, then `make test`, and commit what changed together.
"""

command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
wanted = ["--report", "-", ".[dev]", "setuptools>=77"]
report = subprocess.run([*command, *wanted], check=True, stdout=subprocess.PIPE).stdout
names = {
    re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower(): item["metadata"]["version"]
    for item in json.loads(report)["install"]
}
names.pop("reclaim")
print(HEAD + "\n".join(f"{name}=={version}" for name, version in sorted(names.items())))

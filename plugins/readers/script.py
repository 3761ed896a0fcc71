"""Event scripts: traces that people write, one event a line.

Source: docs/reference/event-script.md.
"""

from __future__ import annotations

from reclaim.api import TraceReader, hookimpl


class Script(TraceReader):
    """Every mistake is reported as file:line."""

    name = "script"
    summary = "event scripts, one event a line"
    source = "docs/reference/event-script.md"
    suffixes = (".events", ".script")

    def detect(self, path, head):
        return self.formats["script"].detect(path, head)

    def read(self, path):
        return self.formats["script"].read(path)


@hookimpl
def reclaim_register_readers(register):
    register(Script)

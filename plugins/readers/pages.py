"""Page lists: one page number a line, or CSV with a header such as ``asid,page,op``.

The pages are private anonymous memory, mapped whole.

Source: docs/reference/trace-file.md.
"""

from __future__ import annotations

from reclaim.api import TraceReader, hookimpl


class Pages(TraceReader):
    """Decimal or 0x hex; ``.gz`` and ``.zst`` as well."""

    name = "pages"
    summary = "page numbers as text, or CSV with a header"
    source = "docs/reference/trace-file.md"
    suffixes = (".pages", ".txt", ".csv")

    def detect(self, path, head):
        return self.formats["pages"].detect(path, head)

    def read(self, path):
        return self.formats["pages"].read(path)


@hookimpl
def reclaim_register_readers(register):
    register(Pages)

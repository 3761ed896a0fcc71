"""Does every edit that changes what a plugin does change the name of its compiled machine?

A compiled machine is found on disk by a hash (`reclaim.engine.fingerprint`). Each test asks for the
hash in a process of its own, edits something, and asks again. Whole runs are in test_bind.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """\
from reclaim.api import Policy, hookimpl, list_at, list_remove, push_front, take_victims
{imports}

def make(cls, nr_frames, nr_pages, seed):
    return cls(a=1, b=2)

class Mine(Policy):
    name = "mine"
    summary = "Evicts something."
    source = "nowhere"
    nr_lists = 1
    {attribute}

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        {body}
        return take_victims(m, list_at(m, 0), nr_wanted, victims)

    def removed(self, m, pfn, why):
        list_remove(m, pfn)

    def putback(self, m, pfn, why):
        push_front(m, list_at(m, 0), pfn)

@hookimpl
def reclaim_register_policies(register):
    register(Mine)
"""

ASK = """
import sys
from pathlib import Path
from reclaim.engine.fingerprint import code_hash
from reclaim.plugin.manager import load_plugins
policy = load_plugins([Path(sys.argv[1])], installed=False).policies.get("mine")
print(code_hash(policy.new(4, 4, 0)))
"""


def plugin(imports: str = "", attribute: str = "", body: str = "") -> str:
    return PLUGIN.format(imports=imports, attribute=attribute or "spare = 0", body=body or "nr = 0")


def ask(script: str, *arguments: Path, paths: list[Path], **environment: str) -> str:
    """Run a script in a new process, with folders to import from, and return what it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RECLAIM_")}
    folders = os.pathsep.join(map(str, [*paths, *filter(None, sys.path)]))
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, *map(str, arguments)],
        env={**kept, **environment, "PYTHONPATH": folders},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FROM_KNOBS = "from knobs import {0}"
KERNEL = "from reclaim.api import kernel\n\n@kernel\ndef turn(i):\n    return i + {0}\n"
USES_TURN = "nr_wanted = min(nr_wanted, turn(1))"

EDITS = {
    "a line of a method": (
        {"mine.py": plugin(body="nr_wanted = 1")},
        {"mine.py": plugin(body="nr_wanted = 2")},
    ),
    "a class constant": (
        {"mine.py": plugin(attribute="KEEP = 1")},
        {"mine.py": plugin(attribute="KEEP = 2")},
    ),
    "the order of two fields": (
        {"mine.py": plugin(attribute="a: int\n    b: int\n    new = classmethod(make)")},
        {"mine.py": plugin(attribute="b: int\n    a: int\n    new = classmethod(make)")},
    ),
    "a kernel of a module beside it": (
        {"mine.py": plugin(FROM_KNOBS.format("turn"), "", USES_TURN), "knobs.py": KERNEL.format(1)},
        {"knobs.py": KERNEL.format(2)},
    ),
    "a module beside it, imported whole": (
        {
            "mine.py": plugin("import knobs", "", "nr_wanted = knobs.KEEP"),
            "knobs.py": "KEEP = 1\n",
        },
        {"knobs.py": "KEEP = 2\n"},
    ),
    "nothing but a number from a module beside it": (
        {
            "mine.py": plugin(FROM_KNOBS.format("KEEP"), "", "nr_wanted = KEEP"),
            "knobs.py": "KEEP = 1\n",
        },
        {"knobs.py": "KEEP = 2\n"},
    ),
    "a number behind a kernel of a module beside it": (
        {
            "mine.py": plugin(FROM_KNOBS.format("turn"), "", USES_TURN),
            "knobs.py": "from deeper import N\n" + KERNEL.format("N"),
            "deeper.py": "N = 1\n",
        },
        {"deeper.py": "N = 2\n"},
    ),
    "a table": (
        {
            "mine.py": plugin(FROM_KNOBS.format("TABLE"), "", "nr_wanted = TABLE[0]"),
            "knobs.py": "import numpy as np\nTABLE = np.arange(3000)\n",
        },
        {"knobs.py": "import numpy as np\nTABLE = np.arange(3000)\nTABLE[1500] = 7\n"},
    ),
    "a base class in a module beside it": (
        {
            "mine.py": plugin("from knobs import Policy"),
            "knobs.py": "from reclaim.api import Policy as Root\n\n"
            "class Policy(Root):\n    def evicted(self, m, pfn):\n        return 1\n",
        },
        {
            "knobs.py": "from reclaim.api import Policy as Root\n\n"
            "class Policy(Root):\n    def evicted(self, m, pfn):\n        return 2\n"
        },
    ),
    "a class attribute taken from a module beside it": (
        {
            "mine.py": plugin("import knobs", "KEEP = int(str(knobs.TEXT))"),
            "knobs.py": "from hidden import TEXT\n",
            "hidden.py": "TEXT = '1'\n",
        },
        {"hidden.py": "TEXT = '2'\n"},
    ),
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_gives_another_name(what: str, tmp_path: Path) -> None:
    before, edit = EDITS[what]
    write(tmp_path, before)
    paths = [tmp_path]
    first = ask(ASK, tmp_path / "mine.py", paths=paths)
    assert ask(ASK, tmp_path / "mine.py", paths=paths) == first
    write(tmp_path, edit)
    assert ask(ASK, tmp_path / "mine.py", paths=paths) != first


def test_an_edit_in_a_package_that_is_one_plugin(tmp_path: Path) -> None:
    text = plugin("from .knobs import turn", "", USES_TURN)
    write(tmp_path, {"mine/__init__.py": text, "mine/knobs.py": KERNEL.format(1)})
    first = ask(ASK, tmp_path / "mine", paths=[])
    write(tmp_path, {"mine/knobs.py": KERNEL.format(2)})
    assert ask(ASK, tmp_path / "mine", paths=[]) != first


def test_a_number_from_the_environment(tmp_path: Path) -> None:
    text = plugin("import os\nKEEP = int(os.environ['KEEP'])", "", "nr_wanted = KEEP")
    write(tmp_path, {"mine.py": text})
    names = {ask(ASK, tmp_path / "mine.py", paths=[], KEEP=keep) for keep in ("1", "2")}
    assert len(names) == 2


INSTALLED = """
from reclaim.engine.fingerprint import code_hash
from third_party import Mine
print(code_hash(Mine.new(4, 4, 0)))
"""


@pytest.mark.parametrize("name", ["third_party", "reclaim_of_others"])
def test_a_plugin_that_pip_installed(tmp_path: Path, name: str) -> None:
    """Whatever its package is called, an upgrade must not meet the old machine."""
    folder = tmp_path / "lib" / "python3.11" / "site-packages"
    script = INSTALLED.replace("third_party", name)
    write(folder, {f"{name}/__init__.py": plugin(body="nr_wanted = 1")})
    first = ask(script, paths=[folder])
    write(folder, {f"{name}/__init__.py": plugin(body="nr_wanted = 2")})
    assert ask(script, paths=[folder]) != first


NESTED = """
import numpy as np
from reclaim.engine.fingerprint import code_hash
from reclaim.jit.handle import I64, Handle
from holder import Holder
print(code_hash(Holder.make()))
"""


def test_the_class_of_a_nested_handle(tmp_path: Path) -> None:
    """A field says `Handle`; what is in it decides which methods are compiled."""
    inner = (
        "from reclaim.jit.handle import Handle\n\nclass Inner(Handle):\n    size: int\n\n"
        "    def get(self):\n        return {0}\n"
    )
    write(
        tmp_path,
        {
            "holder.py": "from reclaim.jit.handle import Handle\n\nclass Holder(Handle):\n"
            "    inner: Handle\n\n    @classmethod\n    def make(cls):\n"
            "        from inner import Inner\n        return cls(inner=Inner(size=1))\n",
            "inner.py": inner.format(1),
        },
    )
    first = ask(NESTED, paths=[tmp_path])
    write(tmp_path, {"inner.py": inner.format(2)})
    assert ask(NESTED, paths=[tmp_path]) != first


TYPED_IN = """
from reclaim.api import Policy, list_at, push_front, take_victims
from reclaim.engine.fingerprint import code_hash

class Mine(Policy):
    nr_lists = 1
    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)
    def select(self, m, nr_wanted, victims, page):
        return take_victims(m, list_at(m, 0), {0}, victims)

print(code_hash(Mine.new(4, 4, 0)))
"""


def test_a_class_that_lies_in_no_file() -> None:
    """Typed into a notebook or given with -c: the code itself is what there is to hash."""
    first, again, other = (ask(TYPED_IN.format(n), paths=[]) for n in ("nr_wanted", "nr_wanted", 1))
    assert first == again != other


def test_the_lanes_have_names_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, {"mine.py": plugin()})
    names = {
        ask(ASK, tmp_path / "mine.py", paths=[], **lane)
        for lane in ({}, {"RECLAIM_BOUNDSCHECK": "1"})
    }
    assert len(names) == 2

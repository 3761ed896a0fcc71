"""Does each mistake in a plugin file give one line that names plugin, file and line?"""

from __future__ import annotations

from pathlib import Path

import pytest

from reclaim.errors import PluginError
from reclaim.plugin.manager import load_plugins

GOOD = """\
from reclaim.api import Policy, hookimpl, list_at, push_front, take_back

class Mine(Policy):
    name = "mine"
    summary = "Evicts something."
    source = "nowhere"
    nr_lists = 1

    def fault_in(self, m, pfn, page, shadow):
        push_front(m, list_at(m, 0), pfn)

    def select(self, m, nr_wanted, victims, page):
        victims[0] = take_back(m, list_at(m, 0))
        return 1

@hookimpl
def reclaim_register_policies(register):
    register(Mine)
"""

MISTAKES = [
    ("class Mine", "import nothing_like_this\nclass Mine", ":3: ModuleNotFoundError: No module"),
    ("class Mine", "1 / 0\nclass Mine", ":3: ZeroDivisionError: division by zero"),
    ("class Mine", "raise SystemExit(3)\nclass Mine", ":3: SystemExit: 3"),
    ("class Mine(Policy):", "class Mine(Policy)", ":3: SyntaxError: expected ':'"),
    ("list_at, push", "list_att, push", ":1: ImportError: cannot import name 'list_att'"),
    (
        "def reclaim_register_policies",
        "def reclaim_register_policy",
        ": there is no hook 'reclaim_register_policy'. Did you mean 'reclaim_register_policies'?",
    ),
    ("@hookimpl\n", "", "'reclaim_register_policies' is not marked, so it would never be called"),
    (
        "@hookimpl\ndef reclaim_register_policies(register):\n    register(Mine)",
        "",
        "implements no hook",
    ),
    (
        "policies(register):\n    register(Mine)",
        "policies(add):\n    add(Mine)",
        "takes (add), the contract has (register)",
    ),
    ("register(Mine)", "register(Mien)", "failed: NameError: name 'Mien' is not defined"),
    ("register(Mine)", "register(Mine())", "Give the class itself, without parentheses"),
    ("register(Mine)", "register(3)", "register takes a subclass of Policy, not 3"),
    ("Mine(Policy)", "Mine", "Mine was registered as a policy, but is no subclass of Policy"),
    ("victims, page):", "victims):", ":12): kernel `select` takes (m, nr_wanted, victims)"),
    ("def fault_in", "def fault_inn", "there is no kernel `fault_inn`. Did you mean `fault_in`?"),
    ("def select", "def pick", "has no `select(self, m, nr_wanted, victims, page)`"),
    ("take_back(m", "take_bakc(m", ":13): kernel `select` uses `take_bakc`, which is not defined"),
    ("return 1", "return self.hand", ":14): kernel `select` uses `self.hand`, which is no"),
    (
        "push_front, take_back\n",
        "kernel, push_front, unmap_one\n\n"
        "@kernel\ndef take_back(m, at):\n    return unmap_one(m, at)\n",
        "calls `unmap_one`, which needs 'page_tables': add it to `needs`",
    ),
    ("    nr_lists", "    needs = {'yong'}\n    nr_lists", "there is no need 'yong'. Did you mean"),
    (
        "    nr_lists",
        "    needs = {'samples'}\n    nr_lists",
        "needs 'samples', but has no kernel `sampled` to be told of them.",
    ),
    (
        "    def select",
        "    def sampled(self, m, pfn, page, nr):\n        pass\n\n    def select",
        "has a kernel `sampled`, which needs 'samples': add it to `needs`.",
    ),
    (
        "    def select",
        "    def age(self, m):\n        pass\n\n    def select",
        "has a kernel `age`, so it has a parameter 'age_every' too: Param(int, ..., low=0)",
    ),
    (
        "    nr_lists",
        "    params = {'sample_every': 3}\n    nr_lists",
        "parameter 'sample_every' is 3, not a Param",
    ),
    (
        "import Policy, hookimpl, list_at, push_front, take_back\n\nclass Mine(Policy):\n",
        "import Param, Policy, hookimpl, list_at, push_front, take_back\n\nclass Mine(Policy):\n"
        "    params = {'age_every': Param(int, 3, low=0)}\n",
        "parameter 'age_every' says how often `age` is called: it has none.",
    ),
    ("    nr_lists", "    hand: str\n    nr_lists", "hand: a field is an array"),
    ("    nr_lists", "    hand: Handel\n    nr_lists", "name 'Handel' is not defined"),
    ('name = "mine"', 'name = ""', "declares no `name`"),
    ('summary = "Evicts something."', "pass", "declares no `summary`"),
]


def mistaken(tmp_path: Path, before: str, after: str) -> str:
    assert before in GOOD
    path = tmp_path / "mine.py"
    path.write_text(GOOD.replace(before, after))
    with pytest.raises(PluginError) as caught:
        load_plugins([path], installed=False)
    message = str(caught.value)
    assert str(path) in message
    return message


def test_the_file_without_a_mistake_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(GOOD)
    assert list(load_plugins([path], installed=False).policies) == ["mine"]


@pytest.mark.parametrize(("before", "after", "expected"), MISTAKES)
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, before: str, after: str, expected: str
) -> None:
    message = mistaken(tmp_path, before, after)
    assert expected in message
    assert "\n" not in message


def test_a_name_that_is_taken_names_both_files(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(GOOD + f"# {name}\n")
    with pytest.raises(PluginError) as caught:
        load_plugins([tmp_path], installed=False)
    message = str(caught.value)
    assert "policy 'mine' is registered twice" in message
    assert f"{tmp_path / 'one.py'}:3" in message
    assert f"{tmp_path / 'two.py'}:3" in message

"""Are plugins found where they are named, under names of their own, and nowhere else?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reclaim.errors import PluginError
from reclaim.plugin.manager import load_plugins
from reclaim.plugin.registry import Catalog
from reclaim.plugin.source import find_sources, load_source

READER = """
from reclaim.contract.reader import TraceReader
from reclaim.plugin.markers import hookimpl

class Nothing(TraceReader):
    name = "{name}"
    summary = "Reads nothing."
    source = "here"
    suffixes = (".nothing",)

    def detect(self, path, head):
        return False

    def read(self, path):
        return None

@hookimpl
def reclaim_register_readers(register):
    register(Nothing)
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_file_a_folder_and_a_package_are_plugins(tmp_path: Path) -> None:
    write(tmp_path / "one.py", READER.format(name="one"))
    write(tmp_path / "folder" / "two.py", READER.format(name="two"))
    write(tmp_path / "folder" / "_not.py", "raise SystemError")
    write(tmp_path / "package" / "__init__.py", "from .inner import reclaim_register_readers")
    write(tmp_path / "package" / "inner.py", READER.format(name="three"))
    paths = [tmp_path / "one.py", tmp_path / "folder", tmp_path / "package"]
    registry = load_plugins(paths, installed=False)
    assert list(registry.readers) == ["one", "three", "two"]


def test_an_edit_of_the_same_second_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path / "same.py", "VALUE = 1\n")
    first = load_source(path)
    write(path, "VALUE = 2\n")
    second = load_source(path)
    assert (first.VALUE, second.VALUE) == (1, 2)
    assert first.__name__ != second.__name__
    assert sys.modules[second.__name__] is second
    assert load_source(path) is second


def test_two_managers_share_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "one.py", READER.format(name="one"))
    assert "one" in load_plugins([path], installed=False).readers
    assert "one" not in load_plugins([], installed=False).readers


def test_the_current_directory_is_not_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "plugins" / "one.py", READER.format(name="one"))
    write(tmp_path / "one.py", READER.format(name="one"))
    monkeypatch.chdir(tmp_path)
    assert len(load_plugins([], installed=False).readers) == 0


def test_a_plugin_named_twice_is_loaded_once(tmp_path: Path) -> None:
    path = write(tmp_path / "one.py", READER.format(name="one"))
    assert list(load_plugins([path, tmp_path], installed=False).readers) == ["one"]


def test_a_failed_import_leaves_no_module_behind(tmp_path: Path) -> None:
    path = write(tmp_path / "bad_import.py", "raise RuntimeError('no')")
    with pytest.raises(PluginError):
        load_plugins([path], installed=False)
    assert not [name for name in sys.modules if "bad_import" in name]


def test_paths_that_hold_no_plugin_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    text = write(tmp_path / "a.txt", "")
    for path, message in [
        (tmp_path / "gone.py", "there is no such plugin file or folder"),
        (tmp_path / "empty", "holds no Python file"),
        (text, "a plugin is a Python file"),
    ]:
        with pytest.raises(PluginError, match=message):
            find_sources(path)


def test_a_catalog_offers_the_nearest_name() -> None:
    catalog: Catalog[object] = Catalog("policy", "policies")
    with pytest.raises(PluginError, match=r"no policies are installed.*pip install"):
        catalog.get("clok")
    catalog.add(type("Clock", (), {"name": "clock"}))
    with pytest.raises(PluginError) as caught:
        catalog.get("clok")
    assert str(caught.value) == "there is no policy 'clok'. Did you mean 'clock'?"

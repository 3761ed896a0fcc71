"""`reclaim new`: a plugin to begin with."""

from __future__ import annotations

import keyword
import re
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from reclaim.errors import ConfigError

app = typer.Typer(
    help="Write a plugin file to begin with.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def _group() -> None:
    """Keep `policy` a command of its own while it is the only one."""


@app.command()
def policy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in my_policy.")],
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to write it.")
    ] = Path(),
) -> None:
    """Write NAME.py: a small policy that works, and says what each part is for."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigError(
            f"new: '{name}' cannot be a policy's name: small letters, digits and _, beginning "
            "with a letter, and no word of Python."
        )
    from reclaim.plugin.manager import load_plugins

    if name in load_plugins().policies:
        raise ConfigError(f"new: there is a policy '{name}' already; choose another name.")
    if not folder.is_dir():
        raise ConfigError(f"new: {folder}: there is no such folder.")
    path = folder / f"{name}.py"
    template = resources.files("reclaim").joinpath("templates/my_policy.py")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    text = template.read_text(encoding="utf-8")
    text = text.replace("my_policy", name).replace("MyPolicy", class_name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"new: {path} is there already, and stays as it is.") from None
    except OSError as error:
        raise ConfigError(f"new: {path}: cannot be written: {error.strerror}.") from None
    print(f"{path}: a policy that works. Next:")
    print(f"  reclaim check {path}")
    print(f"  reclaim run first-run --plugins {path} --policy {name},clock,opt --frames 10%")
    print(f"  reclaim explain {path} --pages '1 2 3 4 1 2 5 1 2 3 4 5' --frames 3")

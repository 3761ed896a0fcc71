"""Which folders become which packages; everything else stands in pyproject.toml.

`plugins/` is installed as `reclaim_plugins` and `configs/` as `reclaim_configs`, so that
first-party plugins and configurations travel with the wheel but lie where a visitor of the
repository looks for them.
"""

from setuptools import find_namespace_packages, setup

FOLDERS = {"reclaim": "reclaim", "reclaim_plugins": "plugins", "reclaim_configs": "configs"}


def packages(name: str, folder: str) -> list[str]:
    inner = find_namespace_packages(folder, exclude=["*__pycache__*"])
    return [name, *(f"{name}.{found}" for found in inner)]


setup(
    packages=[found for name, folder in FOLDERS.items() for found in packages(name, folder)],
    package_dir={"": ".", **FOLDERS},
)

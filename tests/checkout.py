"""A copy of the project whose environments are others, as a fork's are."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Installed from locks, and the same for every copy.
SHARED = (".venv", "node_modules")
MADE = (*SHARED, ".git", ".hypothesis", "build", "cdk.out", "models")


def checkout(folder: Path, values: str) -> Path:
    """Copy the project into a folder, with this text as its values; the shipped ones are `shipped.py` beside it."""

    def left(path: str, names: list[str]) -> set[str]:
        made = MADE if Path(path) == ROOT else ()
        return {name for name in names if name in made or name.endswith(("_cache", "__pycache__"))}

    shutil.copytree(ROOT, folder, ignore=left, symlinks=True, dirs_exist_ok=True)
    for name in SHARED:
        if (ROOT / name).exists():
            (folder / name).symlink_to((ROOT / name).resolve())
    own = folder / "stacks" / "environments" / "values.py"
    own.rename(own.with_name("shipped.py"))
    own.write_text(values)
    return folder

"""Builds what a release consists of, and tags it.

`python -m tests.release dist` leaves three wheels and three sdists in dist/; every wheel is built
from its sdist, so that an sdist which lacks a file is noticed. `python -m tests.release tag` makes
the tag vX.Y.Z on a clean main whose changelog has a section for that version.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "sinks", "xrpl")


def version() -> str:
    """The one version of the three packages."""
    return (ROOT / "VERSION").read_text(encoding="utf-8").strip()


def build(dist: Path) -> list[str]:
    """The names of the files that are now in `dist`."""
    shutil.rmtree(dist, ignore_errors=True)
    for name in PACKAGES:
        package = ROOT / "packages" / f"ekspiper-{name}"
        # Without --wheel or --sdist, build makes the sdist first and the wheel from it.
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist)]
        subprocess.run([*command, str(package)], check=True, stdout=subprocess.DEVNULL)
    made = sorted(path.name for path in dist.iterdir())
    expected = len(PACKAGES) * 2
    if len(made) != expected or not all(f"-{version()}" in name for name in made):
        raise SystemExit(f"expected {expected} files of version {version()}, found {made}")
    return made


def tag() -> str:
    """Tag the commit that is checked out; says what is missing instead, where something is."""
    if _git("status", "--porcelain"):
        raise SystemExit("there are changes that are not committed; commit them first")
    if f"## [{version()}]" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        raise SystemExit(f"CHANGELOG.md has no section [{version()}]; write it first")
    name = f"v{version()}"
    _git("tag", "--annotate", name, "--message", f"ekspiper {version()}")
    return name


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def main(arguments: Sequence[str]) -> int:
    """Do what is asked: `dist` or `tag`."""
    if list(arguments) == ["dist"]:
        print("\n".join(build(ROOT / "dist")))
    elif list(arguments) == ["tag"]:
        print(f"tagged; to publish it: git push origin {tag()}")
    else:
        print("usage: python -m tests.release dist|tag", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

"""Builds the compiled decoder: as a hook of hatchling for wheels, and in place for a checkout.

A wheel gets the extension where a C compiler is there, and is pure Python where none is. An editable
installation never waits for a compiler: `python hatch_build.py` builds it beside its source. With
EKSPIPER_COMPILED=1 a build without a compiler fails instead, as a release must not lack it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
FOLDER = Path("ekspiper", "xrpl", "codec")
SOURCE = HERE / "src" / FOLDER / "_compiled.pyx"
MODULE = "ekspiper.xrpl.codec._compiled"


class CompiledCodecHook(BuildHookInterface[Any]):
    """Adds the extension to a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, unless the installation is editable."""
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp(prefix="ekspiper-codec-")
        built = build(Path(self._folder))
        if built is None:
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"][str(built)] = str(FOLDER / built.name)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built aside."""
        shutil.rmtree(getattr(self, "_folder", ""), ignore_errors=True)


def build(folder: Path) -> Path | None:
    """The extension, built in `folder`; None, with a line that says why, where that cannot be."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    try:
        extension = Extension(MODULE, [str(SOURCE)], extra_compile_args=_flags())
        modules = cythonize([extension], build_dir=str(folder / "c"), quiet=True)
        command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
        command.build_lib = str(folder / "lib")
        command.build_temp = str(folder / "temp")
        command.ensure_finalized()
        command.run()
    except Exception as error:
        if os.environ.get("EKSPIPER_COMPILED", "") not in ("", "0"):
            raise
        print(
            f"ekspiper-xrpl: pure Python, as the codec cannot be compiled: {error}", file=sys.stderr
        )
        return None
    return Path(command.get_ext_fullpath(MODULE))


def _flags() -> list[str]:
    return [] if sys.platform == "win32" else ["-O3"]


def build_in_place() -> int:
    """Build beside the source, where that is newer than what was built last."""
    from sysconfig import get_config_var

    target = SOURCE.with_name(f"_compiled{get_config_var('EXT_SUFFIX')}")
    if target.exists() and target.stat().st_mtime >= SOURCE.stat().st_mtime:
        print(f"{target.name} is up to date")
        return 0
    with tempfile.TemporaryDirectory(prefix="ekspiper-codec-") as folder:
        built = build(Path(folder))
        if built is None:
            target.unlink(missing_ok=True)
            return 0
        # Into place with one rename: a process that runs has the old one mapped.
        aside = target.with_suffix(".new")
        shutil.copy(built, aside)
        aside.replace(target)
    print(f"built {target.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(build_in_place())

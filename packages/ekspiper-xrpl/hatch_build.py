"""Builds the compiled codec: as a hook of hatchling for wheels, and in place for a checkout.

A wheel gets the extensions where a C compiler is there, and is pure Python otherwise. An editable
installation never waits for a compiler: `python hatch_build.py` builds them beside their sources. With
EKSPIPER_COMPILED=1 a build without a compiler fails instead, as a release must not lack it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
MODULES = (
    "ekspiper.xrpl.codec._compiled",
    "ekspiper.xrpl.codec._proof",
    "ekspiper.xrpl.processors._offers",
    "ekspiper.xrpl.schema._columns",
)


class CompiledCodecHook(BuildHookInterface[Any]):
    """Adds the extensions to a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build them, unless the installation is editable."""
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp(prefix="ekspiper-codec-")
        for module, built in build(Path(self._folder), MODULES).items():
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            place = _source(module).relative_to(HERE / "src").with_name(built.name)
            build_data["force_include"][str(built)] = str(place)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was built aside."""
        shutil.rmtree(getattr(self, "_folder", ""), ignore_errors=True)


def build(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The extensions, built in `folder`; none, with a line that says why, where that cannot be."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    try:
        extensions = [
            Extension(
                name,
                [str(_source(name))],
                include_dirs=[str(_source(name).parent)],
                extra_compile_args=_flags(),
            )
            for name in names
        ]
        modules = cythonize(extensions, build_dir=str(folder / "c"), quiet=True)
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
        return {}
    return {name: Path(command.get_ext_fullpath(name)) for name in names}


def _source(module: str) -> Path:
    return HERE.joinpath("src", *module.split(".")).with_suffix(".pyx")


def _flags() -> list[str]:
    return [] if sys.platform == "win32" else ["-O3"]


def build_in_place() -> int:
    """Build beside the sources, where those are newer than what was built last."""
    from sysconfig import get_config_var

    suffix = get_config_var("EXT_SUFFIX")
    targets = {module: _source(module).with_suffix(suffix) for module in MODULES}
    due = [module for module in MODULES if not _is_newer(targets[module], _sources(module))]
    if not due:
        print(f"{', '.join(target.name for target in targets.values())}: up to date")
        return 0
    with tempfile.TemporaryDirectory(prefix="ekspiper-codec-") as folder:
        built = build(Path(folder), due)
        for module in due:
            target = targets[module]
            if module not in built:
                target.unlink(missing_ok=True)
                continue
            # Into place with one rename: a process that runs has the old one mapped.
            aside = target.with_suffix(".new")
            shutil.copy(built[module], aside)
            aside.replace(target)
            print(f"built {target.name}")
    return 0


def _sources(module: str) -> list[Path]:
    """What an extension is made of: it may include any header beside it."""
    source = _source(module)
    return [source, *source.parent.glob("*.h"), *source.parent.glob("*.pxi")]


def _is_newer(target: Path, sources: Sequence[Path]) -> bool:
    newest = max(source.stat().st_mtime for source in sources)
    return target.exists() and target.stat().st_mtime >= newest


if __name__ == "__main__":
    raise SystemExit(build_in_place())

"""Builds the wheels, and tries each installation in its own environment.

`hatch run wheels:check` (or `python -m tests.wheels`, with the names of installations to try fewer).
Notebooks run in a kernel of the fresh environment, which holds nothing but what was installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["main"]

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "sinks", "xrpl")

IMPORT_EVERYTHING = """
import importlib
from pathlib import Path
from ekspiper.core import MissingExtra
folder = Path(importlib.import_module("ekspiper.{part}").__file__).parent
refused = []
NEEDS_DAEMON = ("ekspiper.xrpl.cli", "ekspiper.xrpl.daemon")
for path in sorted(folder.rglob("*.py")):
    name = ".".join(("ekspiper", "{part}", *path.relative_to(folder).with_suffix("").parts))
    name = name.removesuffix(".__init__")
    if name.endswith(("__main__", "_contract")):
        continue
    try:
        importlib.import_module(name)
    except MissingExtra as error:
        assert "pip install" in str(error), error
        refused.append(name)
    except SystemExit as error:
        assert "pip install" in str(error), error
        refused.append(name)
    except ModuleNotFoundError as error:
        assert name.startswith(NEEDS_DAEMON), (name, error)
        refused.append(name)
print("{part}:", len(refused), "modules ask for an extra")
"""

EXPLORER_WITHOUT_EXTRA = """
from ekspiper.core import MissingExtra
from ekspiper.xrpl import Explorer
try:
    Explorer("sample").sync.ledgers()
except MissingExtra as error:
    assert "ekspiper-xrpl[" in str(error), error
    print("explorer:", error)
else:
    raise SystemExit("without its extra the explorer must say what to install")
"""


def build(wheels: Path, sources: Path) -> None:
    """The three wheels, and the source distribution of the one that is compiled."""
    for name in PACKAGES:
        _build("--wheel", wheels, name)
    _build("--sdist", sources, "xrpl")


def _build(kind: str, folder: Path, name: str) -> None:
    package = ROOT / "packages" / f"ekspiper-{name}"
    command = [sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(package)], check=True, stdout=subprocess.DEVNULL)


def install(folder: Path, links: Sequence[Path], requirement: str) -> Path:
    """A fresh environment with one requirement from these folders; its Python.

    What comes from a source distribution is built without a C compiler.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--quiet",
        *(f"--find-links={link}" for link in links),
    ]
    environment = {**os.environ, "CC": "/bin/false"}
    subprocess.run(
        [*command, "--disable-pip-version-check", requirement], check=True, env=environment
    )
    return python


def run(python: Path, program: str) -> None:
    """A program in an environment, away from the sources."""
    with tempfile.TemporaryDirectory() as elsewhere:
        subprocess.run([str(python), "-c", program], check=True, cwd=elsewhere, env=_clean())


def run_notebooks(python: Path) -> None:
    """Every notebook, in a kernel of the environment."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "kernels" / "fresh"
        spec.mkdir(parents=True)
        argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        about = {"argv": argv, "display_name": "fresh", "language": "python", "env": _clean()}
        (spec / "kernel.json").write_text(json.dumps(about))
        os.environ["XDG_CACHE_HOME"] = folder
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            client = NotebookClient(
                nbformat.read(path, as_version=4),
                timeout=120,
                kernel_name="fresh",
                resources={"metadata": {"path": folder}},
            )
            manager = KernelSpecManager(kernel_dirs=[str(spec.parent)])
            client.create_kernel_manager().kernel_spec_manager = manager
            client.execute()
            print(f"notebook: {path.name}")
    tools_of_notebook(python)


def tools_of_notebook(python: Path) -> None:
    """What the extra puts on the path works: the command line, and JupyterLab."""
    for command in (("ekspiper", "payments", "-1:"), ("jupyter-lab", "--version")):
        program = str(python.parent / command[0])
        subprocess.run((program, *command[1:]), check=True, env=_clean(), stdout=subprocess.DEVNULL)
        print(f"command: {' '.join(command)}")


def core_alone(python: Path) -> None:
    """Core imports without anything else."""
    run(python, IMPORT_EVERYTHING.format(part="core"))


def sinks_alone(python: Path) -> None:
    """Sinks import, or say which extra is needed."""
    run(python, IMPORT_EVERYTHING.format(part="sinks"))


def xrpl_alone(python: Path) -> None:
    """So does xrpl, and its explorer says what it needs."""
    run(python, IMPORT_EVERYTHING.format(part="xrpl"))
    run(python, EXPLORER_WITHOUT_EXTRA)


def compiled(python: Path) -> None:
    """The console script of the wheel reads the sample by the compiled codec."""
    command_line(python, "compiled")


def pure(python: Path) -> None:
    """The source distribution, installed without a compiler, does so in pure Python."""
    command_line(python, "pure Python")


def command_line(python: Path, codec: str) -> None:
    """The console script says which codec runs, and reads the sample."""
    ekspiper = str(python.with_name("ekspiper"))
    with tempfile.TemporaryDirectory() as elsewhere:
        said = subprocess.check_output([ekspiper, "--version"], text=True, env=_clean())
        print(said, end="", flush=True)
        assert codec in said, f"expected the {codec} codec: {said}"
        command = [ekspiper, "backfill", "-5:", "--out", "past"]
        subprocess.run(command, check=True, cwd=elsewhere, env=_clean())


CHECKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "core": ("ekspiper-core", core_alone),
    "sinks": ("ekspiper-sinks", sinks_alone),
    "xrpl": ("ekspiper-xrpl", xrpl_alone),
    "daemon": ("ekspiper-xrpl[daemon]", compiled),
    "sdist": ("ekspiper-xrpl[daemon]", pure),
    "notebook": ("ekspiper-xrpl[notebook]", run_notebooks),
}


def main(arguments: Sequence[str]) -> int:
    """Try the named installations, or all of them."""
    with tempfile.TemporaryDirectory() as folder:
        wheels, others, sources = (Path(folder) / name for name in ("wheels", "others", "sources"))
        build(wheels, sources)
        # The same wheels but for the one in whose place the source distribution is installed.
        others.mkdir()
        for wheel in wheels.iterdir():
            if not wheel.name.startswith("ekspiper_xrpl"):
                (others / wheel.name).symlink_to(wheel)
        for name, (requirement, check) in CHECKS.items():
            if not arguments or name in arguments:
                print(f"--- pip install {requirement!r}", flush=True)
                links = (others, sources) if name == "sdist" else (wheels,)
                check(install(Path(folder) / name, links, requirement))
    return 0


def _clean() -> dict[str, str]:
    """The environment without anything that points to another Python."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

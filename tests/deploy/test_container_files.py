"""The image's requirements name everything that our packages need."""

from __future__ import annotations

import re
import tomllib

from packaging.requirements import Requirement

from .conftest import DEPLOY, ROOT

PYTHON = "3.11"
"""The one in the image."""

LOCKED = DEPLOY / "container" / "requirements.txt"


def locked() -> set[str]:
    """Names of the packages with a version."""
    return {name.lower() for name in re.findall(r"^([\w.-]+)==", LOCKED.read_text(), re.MULTILINE)}


def needed(package: str, *extras: str) -> set[str]:
    """What a package asks for, our own packages left out."""
    text = (ROOT / "packages" / package / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    optional = project.get("optional-dependencies", {})
    asked = [*project["dependencies"], *(each for extra in extras for each in optional[extra])]
    requirements = [Requirement(each) for each in asked]
    found = {
        each.name.lower()
        for each in requirements
        if each.marker is None or each.marker.evaluate({"python_version": PYTHON})
    }
    return {name for name in found if not name.startswith("ekspiper")}


def test_every_dependency_has_a_version() -> None:
    wanted = (
        needed("ekspiper-core")
        | needed("ekspiper-sinks", "fluent", "prometheus", "postgres", "zstd", "parquet")
        | needed("ekspiper-xrpl", "replay", "trust", "cli", "daemon")
    )
    assert wanted - {"psycopg"} <= locked()
    assert {"psycopg", "psycopg-binary", "hatchling", "cython"} <= locked()


def test_the_image_is_not_roots_and_drains() -> None:
    text = (DEPLOY / "container" / "Dockerfile").read_text()
    final = text[text.rindex("FROM ") :]
    for line in ("USER 10001:10001", "VOLUME /state", "STOPSIGNAL SIGTERM", "HEALTHCHECK"):
        assert line in final

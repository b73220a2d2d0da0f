"""Where tables are: a catalog by name, or a folder with a catalog in SQLite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ekspiper.core import ConfigError

from .._checks import missing_extra

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

__all__ = ["CatalogSettings", "pyiceberg_catalog"]


def pyiceberg_catalog() -> Any:
    """The module `pyiceberg.catalog`.

    Raises:
        MissingExtra: it is not installed, or pyarrow is not.
    """
    try:
        import pyarrow  # noqa: F401  # pyiceberg would miss it later, with a less helpful message
        import pyiceberg.catalog
    except ImportError as error:
        raise missing_extra("Iceberg", error, extra="iceberg") from error
    return pyiceberg.catalog


class CatalogSettings:
    """Which catalog, and which warehouse.

    Args:
        catalog: a name from `.pyiceberg.yaml` or from environment variables; None for SQLite.
        warehouse: the folder of the tables; with a catalog, what that one takes.

    Raises:
        ConfigError: neither is given, or a URL without a catalog.
    """

    def __init__(self, catalog: str | None, warehouse: str | Path | None) -> None:
        if catalog is None and warehouse is None:
            raise ConfigError("give warehouse, a folder for tables, or catalog, the name of one")
        if catalog is None and "://" in str(warehouse):
            raise ConfigError(
                f"the warehouse {warehouse} needs a catalog: configure one for PyIceberg, and give "
                "its name as catalog"
            )
        self.catalog = catalog
        self.warehouse = warehouse

    def __str__(self) -> str:
        return f"the catalog {self.catalog}" if self.catalog else f"{self.warehouse}"

    def load(self, *, make: bool) -> Catalog:
        """The catalog.

        Args:
            make: make the folder and the SQLite file where they are missing.

        Raises:
            ConfigError: there is nothing to read.
        """
        load_catalog = pyiceberg_catalog().load_catalog
        if self.catalog is not None:
            # Left out where it is not given: the configuration of the catalog may name one.
            options = {} if self.warehouse is None else {"warehouse": str(self.warehouse)}
            return load_catalog(self.catalog, **options)  # type: ignore[no-any-return]
        # The catalog holds whole paths: a relative one would be another folder for another program.
        folder = Path(str(self.warehouse)).absolute()
        file = folder / "catalog.db"
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        elif not file.exists():
            raise ConfigError(
                f"{folder} does not hold Iceberg tables of ekspiper: {file} is missing"
            )
        return load_catalog(  # type: ignore[no-any-return]
            "ekspiper", type="sql", uri=f"sqlite:///{file}", warehouse=folder.as_uri()
        )

"""The guide names every setting, with the default that holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from ekspiper.xrpl.config import NodeSettings, PipelineSettings

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "operate-the-daemon.md"


@pytest.mark.parametrize(
    ("section", "table"), [("node", NodeSettings), ("pipeline", PipelineSettings)]
)
def test_every_setting_is_in_the_guide(section: str, table: type[BaseModel]) -> None:
    text = GUIDE.read_text()
    part = text[text.index(f"The section `[{section}]`") :].partition("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|([^|]*)\|", part, re.MULTILINE)
    assert [key for key, _, _ in rows] == list(table.model_fields)
    for key, default, unit in rows:
        field = table.model_fields[key]
        if field.default is not None:
            shown = str(field.default).lower().removesuffix(".0")
            assert default.strip() == shown, key
        if isinstance(field.json_schema_extra, dict):
            assert unit.strip() == field.json_schema_extra["unit"], key

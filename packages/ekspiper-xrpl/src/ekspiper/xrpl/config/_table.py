"""What all tables of a configuration have in common, and what they need: pydantic."""

from __future__ import annotations

import types
import typing
from typing import Any

from ekspiper.core import MissingExtra

try:
    import pydantic
except ImportError:
    raise MissingExtra(
        "a configuration needs pydantic: pip install 'ekspiper-xrpl[daemon]'"
    ) from None

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticKnownError

__all__ = ["Table", "pydantic", "takes"]


class Table(BaseModel):
    """Refuses unknown keys, and true and false for a number, which pydantic takes for 1 and 0."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_for_number(cls, value: Any, info: ValidationInfo) -> Any:
        # In Python `True` is an int, and pydantic takes it for 1: `port = true` would listen on
        # port 1.
        hint = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and not takes(hint, bool):
            if takes(hint, int):
                raise PydanticKnownError("int_type")
            if takes(hint, float):
                raise PydanticKnownError("float_type")
        return value


def takes(hint: Any, kind: type) -> bool:
    """Whether a parameter of that type takes values of `kind`."""
    if typing.get_origin(hint) is typing.Annotated:
        return takes(typing.get_args(hint)[0], kind)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return any(takes(each, kind) for each in typing.get_args(hint))
    return hint is kind

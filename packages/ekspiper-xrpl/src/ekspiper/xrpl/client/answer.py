"""What a server's answer means for the request: take it, ask elsewhere, slow down, or give up."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Answer", "Cut", "Text", "Verdict", "error_of", "is_clio", "judge", "warns_of_load"]

Text: TypeAlias = "bytes | bytearray | memoryview"
"""A message as it came over the WebSocket."""


class Answer(NamedTuple):
    """An answer and who gave it.

    Attributes:
        result: the `result` of the response; for a refused raw request an empty dict.
        response: the whole message, as it came.
        node: the node's URL as it may be shown.
    """

    result: dict[str, Any]
    response: dict[str, Any]
    node: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Takes the largest part of an answer out of its text, so that no objects are made of it.

    Attributes:
        take: gives the text with `null` in place of that part, and the part in another form; None
            where it is another answer, or anything in it is out of the ordinary.
        place: the names under which the part stands in the `result`.
    """

    take: Callable[[Text], tuple[bytes, Any] | None]
    place: tuple[str, ...]

    def put(self, part: Any, response: dict[str, Any]) -> bool:
        """Put a part where it was taken out; whether that is its place in this response."""
        inside: Any = response.get("result")
        for name in self.place[:-1]:
            inside = inside.get(name) if type(inside) is dict else None
        if type(inside) is not dict or inside.get(self.place[-1], part) is not None:
            return False
        inside[self.place[-1]] = part
        return True


class Verdict(enum.Enum):
    """What to do with an answer."""

    GOOD = "the answer"
    OVERLOADED = "the node asks to slow down"
    LACKING = "the node does not have the ledger, or not yet validated"
    UNREADY = "the node cannot answer at present"
    UNWILLING = "the node does not do it; another one may"
    REFUSED = "the request is at fault"


_OVERLOADED = frozenset({"slowDown", "tooBusy"})
_LACKING = frozenset({"lgrNotFound", "lgrNotValidated", "noLedger"})
_UNREADY = frozenset(
    {
        "amendmentBlocked",
        "failedToForward",
        "internal",
        "noClosed",
        "noCurrent",
        "noNetwork",
        "notReady",
        "notSynced",
        "reportingUnsupported",
    }
)

# What every node answers to the same request; all else may be a matter of the node that was asked.
# https://github.com/XRPLF/rippled/blob/develop/src/libxrpl/protocol/ErrorCodes.cpp
_AT_FAULT = frozenset(
    {
        "actNotFound",
        "badMarket",
        "badSyntax",
        "entryNotFound",
        "invalidParams",
        "invalid_API_version",
        "jsonInvalid",
        "lgrIdxInvalid",
        "lgrIdxsInvalid",
        "markerDoesNotExist",
        "missingCommand",
        "objectNotFound",
        "unexpectedLedgerType",
        "unknownOption",
    }
)

# The numbers of warnings: https://xrpl.org/docs/references/http-websocket-apis/api-conventions/
_CLIO = 2001
_CLIO_RATE_LIMIT = 2003


def judge(response: Mapping[str, Any], *, ledger_index: int | None = None) -> Verdict:
    """What an answer means. With `ledger_index`, only a validated ledger is a good answer."""
    error = response.get("error")
    if error is None and response.get("status") == "success":
        result = response.get("result")
        if not isinstance(result, dict):
            return Verdict.UNREADY
        # Clio puts errors of forwarded requests into the result of a "success".
        error = result.get("error")
        if error is None:
            unvalidated = ledger_index is not None and result.get("validated") is False
            return Verdict.LACKING if unvalidated else Verdict.GOOD
    if not isinstance(error, str):
        return Verdict.UNWILLING
    if error in _OVERLOADED:
        return Verdict.OVERLOADED
    if error in _LACKING:
        return Verdict.LACKING
    if error in _UNREADY:
        return Verdict.UNREADY
    return Verdict.REFUSED if _is_at_fault(error) else Verdict.UNWILLING


def _is_at_fault(error: str) -> bool:
    """Whether every node would refuse the request in this way."""
    return error in _AT_FAULT or error.endswith("Malformed") or error.startswith("malformed")


def error_of(response: Mapping[str, Any]) -> tuple[str, str]:
    """The error and its explanation in an answer that is not a good one."""
    result = response.get("result")
    inner = result if isinstance(result, dict) else {}
    said = "unvalidated" if inner.get("validated") is False else "an answer without a result"
    error = response.get("error") or inner.get("error") or said
    message = response.get("error_message") or inner.get("error_message") or ""
    return str(error), str(message)


def warns_of_load(response: Mapping[str, Any]) -> bool:
    """Whether the server said that it is about to drop this client."""
    return response.get("warning") == "load" or _warned(response, _CLIO_RATE_LIMIT)


def is_clio(response: Mapping[str, Any]) -> bool:
    """Whether a Clio server answered."""
    return _warned(response, _CLIO)


def _warned(response: Mapping[str, Any], number: int) -> bool:
    warnings = response.get("warnings")
    if not isinstance(warnings, list):
        return False
    return any(isinstance(w, dict) and w.get("id") == number for w in warnings)

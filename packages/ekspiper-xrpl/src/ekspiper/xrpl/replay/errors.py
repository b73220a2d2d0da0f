"""What goes wrong in a replay: a recording that cannot be read, and rippled's own error answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekspiper.core import ConfigError

__all__ = ["CODES", "RecordingError", "RpcError", "expected_field", "missing_field"]

# Code and default message of rippled's errors (its ErrorCodes.h); `None`: rippled gives no code.
CODES: Mapping[str, tuple[int | None, str]] = {
    "noPermission": (6, "You don't have permission for this command."),
    "failedToForward": (None, "Request failed to forward to rippled"),
    "noNetwork": (17, "InsufficientNetworkMode"),
    "tooBusy": (9, "The server is too busy to help you now."),
    "slowDown": (10, "You are placing too much load on the server."),
    "actNotFound": (19, "Account not found."),
    "lgrNotFound": (21, "ledgerNotFound"),
    "txnNotFound": (29, "Transaction not found."),
    "invalidParams": (31, "Invalid parameters."),
    "unknownCmd": (32, "Unknown method."),
    "internal": (73, "Internal error."),
    "notImpl": (74, "Not implemented."),
    "actMalformed": (35, "Account malformed."),
    "issueMalformed": (93, "Issue is malformed."),
    "domainMalformed": (97, "Domain is malformed."),
    "badMarket": (42, "No such market."),
    "dstAmtMalformed": (51, "Destination amount/currency/issuer is malformed."),
    "dstIsrMalformed": (53, "Destination issuer is malformed."),
    "srcCurMalformed": (69, "Source currency is malformed."),
    "srcIsrMalformed": (70, "Source issuer is malformed."),
    "notSupported": (75, "Operation not supported."),
    "malformedStream": (71, "Stream malformed."),
    "malformedRequest": (None, ""),
    "unknownOption": (None, ""),
    "entryNotFound": (None, ""),
    "invalid_API_version": (None, ""),
    "missingCommand": (None, ""),
}


class RecordingError(ConfigError):
    """A recording that cannot be used; the message names the file and the line."""


class RpcError(Exception):
    """An error answer of rippled.

    Args:
        error: rippled's word, such as `lgrNotFound`.
        message: `error_message`, where it is not the usual one of that error.
        extra: fields that rippled gives beside the error (a ledger that was found, for example).
    """

    def __init__(
        self, error: str, message: str | None = None, *, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(error)
        code, usual = CODES.get(error, (None, ""))
        self.fields: dict[str, Any] = {"error": error}
        if code is not None:
            self.fields["error_code"] = code
            self.fields["error_message"] = usual if message is None else message
        elif message is not None:
            self.fields["error_message"] = message
        self.fields.update(extra or {})

    @classmethod
    def recorded(cls, fields: Mapping[str, Any]) -> RpcError:
        """The error with exactly the fields that a server once gave."""
        error = cls(str(fields["error"]))
        error.fields = dict(fields)
        return error


def missing_field(name: str) -> RpcError:
    """A request without a field that the command needs."""
    return RpcError("invalidParams", f"Missing field '{name}'.")


def expected_field(name: str, kind: str) -> RpcError:
    """A request in which a field is not what it should be: `kind` is "string", "integer", ..."""
    return RpcError("invalidParams", f"Invalid field '{name}', not {kind}.")

"""Why something failed, in the words of the system."""

from __future__ import annotations

import pytest

from ekspiper.sinks._checks import reason_of


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 1)"
            ),
            "Connection refused",
        ),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 113] b"), None),
        (FileNotFoundError(2, "No such file or directory", "x"), "No such file or directory"),
        (ValueError("[Errno 111] is quoted"), None),
        (ValueError(), "ValueError"),
    ],
    ids=str,
)
def test_reason(error: Exception, reason: str | None) -> None:
    assert reason_of(error) == (str(error) if reason is None else reason)

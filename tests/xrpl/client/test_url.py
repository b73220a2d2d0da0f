from __future__ import annotations

import pytest

from ekspiper.xrpl.client import BadNodeUrl, check_url, redact


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://s1.ripple.com", "wss://s1.ripple.com"),
        ("wss://s1.ripple.com/", "wss://s1.ripple.com"),
        ("ws://127.0.0.1:6006/ws", "ws://127.0.0.1:6006/ws"),
        ("wss://me:pass@node:51233", "wss://***@node:51233"),
        ("wss://node/?key=abc", "wss://node?***"),
        ("wss://x.provider.com/9f8a7c6b5d4e3f2a/v1", "wss://x.provider.com/***/v1"),
        ("wss://x.provider.com/ABCD", "wss://x.provider.com/***"),
    ],
)
def test_redact(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    "url", ["", "http://node", "wss://", "node:51233", "ws://node:99999", "ws://me:hidden@"]
)
def test_what_is_no_node(url: str) -> None:
    with pytest.raises(BadNodeUrl) as failure:
        check_url(url)
    assert "hidden" not in str(failure.value)

"""Options that cannot work are refused when the sink is made, in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError, Secret
from ekspiper.sinks.fluent import Fluent
from ekspiper.sinks.fluent._endpoint import Endpoint


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window": 0}, "window must be more than 0, not 0"),
        ({"ack_timeout": -1}, "ack_timeout must be more than 0"),
        ({"endpoints": []}, "at least one host:port"),
        ({"endpoints": ["localhost"]}, "'localhost' is not an endpoint: write host:port"),
        ({"host": "run/fluent.sock"}, "or the path of a Unix socket, e.g. /run/fluent.sock"),
        ({"host": "http://host"}, "is not an endpoint"),
        ({"host": "host:24224"}, "is not an endpoint"),
        ({"host": "/run/" + "x" * 103}, "has at most 107 bytes"),
        (
            {"host": "/run/fluent.sock", "tls": True},
            "TLS over the Unix socket .* needs server_name",
        ),
        ({"user": "ana"}, "user and password of Fluent go together"),
        ({"user": "ana", "password": Secret("x")}, "set shared_key"),
        ({"server_name": "x"}, "need tls = true"),
        (
            {"tls": True, "ca_file": Path("missing.pem")},
            "ca_file missing.pem cannot be used: No such",
        ),
        (
            {"tls": True, "client_cert": Path("missing.pem")},
            "client_cert missing.pem with client_key",
        ),
    ],
)
def test_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Fluent("t", **options)


def test_an_empty_tag_is_refused() -> None:
    with pytest.raises(ConfigError, match="tag"):
        Fluent("")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("a.b:24224", "a.b", 24224), ("[::1]:1", "::1", 1), (" 10.0.0.1:65535 ", "10.0.0.1", 65535)],
)
def test_endpoints(text: str, host: str, port: int) -> None:
    endpoint = Endpoint.parse(text)
    assert (endpoint.host, endpoint.port) == (host, port)
    assert str(endpoint) == text.strip()


@pytest.mark.parametrize("text", ["ana:pa55@host:24224", "fluent://ana:pa55@host:24224"])
def test_a_password_in_an_endpoint_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match=r"'\*\*\*@host:24224' is not an endpoint") as refused:
        Endpoint.parse(text)
    assert "pa55" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "[::g]:1",
        "[host]:1",
        "a b:1",
        "a/b:1",
        "",
        ":1",
        "a:",
        "a:0",
        "a:65536",
        "::1:24224",
        "a:b",
        "a:1:2",
    ],
)
def test_no_endpoints(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an endpoint"):
        Endpoint.parse(text)


@pytest.mark.parametrize("package", ["fluent", "msgpack"])
def test_without_the_extra(package: str) -> None:
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from ekspiper.core import MissingExtra\n"
        "from ekspiper.core.registry import load\n"
        "try: load('collectors', 'fluent')\n"
        "except MissingExtra as error: print(error)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout
    assert b"pip install 'ekspiper-sinks[fluent]'" in out

"""Every mistake is named with its place, all of them at once."""

from __future__ import annotations

import re

import pytest

from ekspiper.xrpl.config import load_settings

from .conftest import Write, mistakes

WRONG = """\
network = "mainet"
untill = 3
out = 5
log_level = "loud"

[http]
prt = 4
port = "x"

[pipeline]
fetch_concurrency = 0
verify = "perhaps"
commit_seconds = inf

[collectors.a]
type = "fluant"

[collectors.b]
type = "fluent"
tag = "{netwrk}.x"
host = 3
bogus = 1

[collectors.c]
type = "jsonl"
path = "x"
records = ["transactions", "nope"]

[collectors.d]
tag = "x"

[collectors.e]
type = "fluent"
tag = "x"
window = 0

[dead_letters]
type = "jsonl"
pat = "x"
"""


def test_all_of_them_in_the_order_of_the_file(write: Write) -> None:
    found = [re.split("; (?:known|did you mean)", line)[0] for line in mistakes(write(WRONG))]
    assert [line.split(" must be more than 0")[0] for line in found] == [
        "FILE:1: network: no network is called 'mainet'",
        "FILE:2: untill: unknown key",
        "FILE:3: out: must be a path, as text",
        "FILE:4: log_level: must be 'debug', 'info', 'warning' or 'error'",
        "FILE:7: http.prt: unknown key",
        "FILE:8: http.port: must be a whole number",
        "FILE:11: pipeline.fetch_concurrency: must be at least 1",
        "FILE:12: pipeline.verify: must be true or false",
        "FILE:13: pipeline.commit_seconds: must be a finite number (seconds)",
        "FILE:16: collectors.a.type: no collector is called 'fluant'",
        "FILE:20: collectors.b.tag: {netwrk} stands for nothing",
        "FILE:21: collectors.b.host: must be text",
        "FILE:22: collectors.b.bogus: unknown key",
        "FILE:27: collectors.c.records: no kind of record is called 'nope'",
        "FILE:29: collectors.d.type: names the collector",
        "FILE:32: collectors.e: window",
        "FILE:37: dead_letters.path: is missing",
        "FILE:39: dead_letters.pat: unknown key",
    ]


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ('network = "mainet"', "known: mainnet, "),
        ('network = "tesnet"', "known: testnet, "),
        ("untill = 3", "known here: until, "),
        ("[http]\nprot = 3", "known here: port, "),
        ('[collectors.a]\ntype = "fluant"', "known: fluent, "),
        ('[collectors.a]\ntype = "jsnol"', "known: jsonl, "),
        ('[collectors.a]\ntype = "fluent"\ntga = "x"', "known here: tag, "),
        ('[dead_letters]\ntype = "fluentd"', "known: fluent, "),
    ],
)
def test_what_is_known_comes_with_it_the_nearest_first(
    write: Write, wrong: str, nearest: str
) -> None:
    assert any(nearest in line for line in mistakes(write(wrong)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http = 3", "FILE:1: http: must be a table"),
        ("collectors = 3", "FILE:1: collectors: must be a table"),
        ("[collectors]\na = 3", "FILE:2: collectors.a: must be a table"),
        ("dead_letters = 3", "FILE:1: dead_letters: must be a table"),
        ("network = 3", "FILE:1: network: must be text"),
        ("state = 3", "FILE:1: state: must be a path, as text"),
        (
            'out = "o"\nstate = "s"',
            "FILE:2: state: give out or state, not both: with out the state is there, in o; ",
        ),
        ("network = []", "FILE:1: network: no network is called ''"),
        ("from = 9\nuntil = 3", "FILE:2: until: 3 is before the first ledger, 9"),
        ("from = 0", "FILE:1: from: must be at least 1"),
        ("until = 4294967296", "FILE:1: until: must be at most 4294967295"),
        ("from = 1.5", "FILE:1: from: must be a whole number"),
        ("from = true", "FILE:1: from: must be a whole number"),
        ("node.rate = true", "FILE:1: node.rate: must be a number (requests a second)"),
        ("network = true", "FILE:1: network: must be text"),
        ('out = ""', "FILE:1: out: the path is empty"),
        ('state = ""', "FILE:1: state: the path is empty"),
        ('[collectors."a/b"]\ntype = "stdout"', "FILE:1: collectors.a/b: a name has no / in it"),
        (
            'out = "o"\n[collectors.files]\ntype = "stdout"',
            "FILE:2: collectors.files: the name of what writes to out; take another",
        ),
        (
            'collectors.a.type = "stdout"\ncollectors.a."x.y" = 3',
            "FILE:2: collectors.a.x.y: unknown key; none is known here",
        ),
        (
            '[collectors.a]\ntype = "fluent"\ntag = "t"\nwindow = true',
            "FILE:4: collectors.a.window: must be a whole number",
        ),
        ("http = { port = -1 }", "FILE:1: http.port: must be at least 0"),
        ("http.port = -1", "FILE:1: http.port: must be at least 0"),
        ("node.liveness = 0.5", "FILE:1: node.liveness: must be at least 1 (seconds)"),
        ("node.hedge_after = 0", "FILE:1: node.hedge_after: must be more than 0 (seconds)"),
        ("node.ledger_timeout = -1", "FILE:1: node.ledger_timeout: must be more than 0 (seco"),
        ("node.ledger_timeout = inf", "FILE:1: node.ledger_timeout: must be a finite number (s"),
        ('node.request_timeout = "x"', "FILE:1: node.request_timeout: must be a number (seconds)"),
        ("node.connect_timeout = []", "FILE:1: node.connect_timeout: must be a number (seconds)"),
        ("node.window = 0", "FILE:1: node.window: must be at least 1 (requests)"),
        ("node.window = 1.5", "FILE:1: node.window: must be a whole number (requests)"),
        ("node.window = 5000", "FILE:1: node.window: must be at most 4096 (requests)"),
        ("node.rate = 0", "FILE:1: node.rate: must be more than 0 (requests a second)"),
        ("node.polite = 3", "FILE:1: node.polite: must be true or false"),
        (
            "node.windwo = 3",
            "FILE:1: node.windwo: unknown key; did you mean window? known here: window, ",
        ),
        ('[collectors."a b"]\ntype = "x"', "FILE:2: collectors.a b.type: no collector is called"),
        (
            '[collectors.a]\ntype = "stdout"\nrecords = []',
            "FILE:3: collectors.a.records: names no kind of record",
        ),
        (
            '[collectors.a]\ntype = "stdout"\nrecords = 3',
            "FILE:3: collectors.a.records: must be a list of texts",
        ),
        (
            '[collectors.a]\ntype = "jsonl"\npath = "x.jsonl.gz"',
            "FILE:1: collectors.a: x.jsonl.gz is named as compressed",
        ),
        (
            '[collectors.a]\ntype = "jsonl"\npath = "all.jsonl"\nrecords = ["transactions", "ledgers"]',
            "FILE:3: collectors.a.path: all.jsonl is for transactions of collectors.a already; ",
        ),
        (
            '[colectors.a]\ntype = "stdout"',
            "FILE:1: colectors: unknown key; did you mean collectors? known here: collectors, ",
        ),
        ('http.host = ""', "FILE:1: http.host: must not be empty"),
        ('network_name = "a/b"', "FILE:1: network_name: must be letters, digits, _, - and . only"),
        ('network_name = ""', "FILE:1: network_name: must be letters, digits, _, - and . only"),
    ],
)
def test_one_mistake(write: Write, text: str, expected: str) -> None:
    (line,) = mistakes(write(text))
    assert line.startswith(expected)


def test_a_secret_in_the_wrong_place_is_not_told(write: Write) -> None:
    found = mistakes(
        write('[collectors.a]\ntype = "fluent"\ntag = "x"\nport = "s3cret"\nx="s3cret"')
    )
    assert len(found) == 2
    assert "s3cret" not in "".join(found)


def test_places_that_are_filled_in_may_stand_in_a_list(write: Write) -> None:
    load_settings(
        write('[collectors.a]\ntype = "fluent"\ntag = "x"\nendpoints = ["{network}:24224"]')
    )


def test_mistakes_on_the_command_line_name_the_option() -> None:
    found = mistakes(
        None,
        network="mainet",
        until=0,
        node={"connect_timeout": -1.0},
        http={"host": "127.0.0.1", "port": 99999},
    )
    assert [line.split("; known")[0] for line in found] == [
        "--until: must be at least 1",
        "--http: must be at most 65535",
        "--connect-timeout: must be more than 0 (seconds)",
        "--network: no network is called 'mainet'",
    ]


def test_only_what_is_on_the_command_line_is_told_of_it(write: Write) -> None:
    file = write("[node]\nwindow = 0\nconnect_timeout = 0\n[http]\nhost = 3")
    node = {"connect_timeout": 3.0, "ledger_timeout": 0.0}
    assert mistakes(file, node=node, http={"port": -1}) == [
        "--ledger-timeout: must be more than 0 (seconds)",
        "FILE:2: node.window: must be at least 1 (requests)",
        "--http: must be at least 0",
        "FILE:5: http.host: must be text",
    ]


def test_until_before_from_whichever_way_they_are_given(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKSPIPER_UNTIL", "3")
    (line,) = mistakes(write("from = 9"))
    assert line == "EKSPIPER_UNTIL: 3 is before the first ledger, 9"
    (line,) = mistakes(None, **{"from": 9, "until": 4})
    assert line == "--until: 4 is before the first ledger, 9"


def test_a_collector_is_looked_at_whole(write: Write) -> None:
    text = '[collectors.a]\ntype = "stdot"\nrecords = ["ledger"]\n'
    assert [line.split("; known")[0] for line in mistakes(write(text))] == [
        "FILE:2: collectors.a.type: no collector is called 'stdot'",
        "FILE:3: collectors.a.records: no kind of record is called 'ledger'",
    ]

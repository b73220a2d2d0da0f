"""Finding the line of a key."""

from __future__ import annotations

import pytest

from ekspiper.xrpl.config._locations import line_of

TEXT = """\
# network = "commented"
network = "sample"
http.port = 1

[collectors.one]
type = "a"
nested.deep = 2

[ collectors . "two words" ]
type = "b"
table = { inner = 1 }

[[list]]
key = 1

[dotted]
here."with space" = 1
"a.b".c = 2
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("network", 2),
        ("http.port", 3),
        ("collectors.one", 5),
        ("collectors.one.type", 6),
        ("collectors.one.nested.deep", 7),
        ("collectors.one.missing", 5),
        ("collectors.two words.type", 10),
        ("collectors.two words.table.inner", 11),
        ("list.0.key", 13),
        ("nowhere", None),
        ("collectors", 5),
        ("list", 13),
    ],
)
def test_the_line_of_a_key_or_of_the_table_around_it(path: str, line: int | None) -> None:
    assert line_of(TEXT, path.split(".")) == line


def test_quotes_hold_a_part_together() -> None:
    assert line_of(TEXT, ["dotted", "here", "with space"]) == 17
    assert line_of(TEXT, ["dotted", "a.b", "c"]) == 18
    assert line_of(TEXT, ["dotted", "a", "b"]) == 16

"""Arguments as people write them, in the order that the parser reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["arranged"]

_NEWEST = re.compile(r"-\d+:")


def arranged(arguments: Sequence[str]) -> list[str]:
    """The arguments, with what the parser would take for something else put where it does not.

    `--debug` may stand anywhere, a range such as `-100:` is no option, and `--type` takes several.

    >>> arranged(["backfill", "-100:", "--out", "out", "--debug"])
    ['--debug', 'backfill', '--out', 'out', '--', '-100:']
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    before, ranges = list(arguments[:end]), list(arguments[end + 1 :])
    newest = [each for each in before if _NEWEST.fullmatch(each)]
    rest = [each for each in before if each != "--debug" and each not in newest]
    if "snapshot" in rest[:1]:
        rest = list(_each_with_its_option(rest))
    debug = ["--debug"] if "--debug" in before else []
    operands = ["--", *newest, *ranges] if newest or ranges else []
    return [*debug, *rest, *operands]


def _each_with_its_option(arguments: Sequence[str]) -> Iterator[str]:
    """`--type A B` as `--type A --type B`."""
    several = given = False
    for each in arguments:
        if each.startswith("-"):
            several, given = each == "--type", False
        elif several and given:
            yield "--type"
        else:
            given = True
        yield each

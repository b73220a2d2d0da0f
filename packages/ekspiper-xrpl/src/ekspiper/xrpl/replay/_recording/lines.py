"""The lines of a recording's files, each one checked."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..errors import RecordingError
from .testimony import ValidatorDocument

__all__ = ["Exchange", "Message", "parse_line", "read_file", "read_folder", "read_lists"]


class Exchange(NamedTuple):
    """A request and what the server answered."""

    request: dict[str, Any]
    response: dict[str, Any]


class Message(NamedTuple):
    """A message that the server sent by itself, to a subscriber."""

    body: dict[str, Any]


def read_folder(folder: Path) -> Iterator[tuple[str, Exchange | Message]]:
    """Everything in the `*.jsonl.gz` and `*.jsonl` files of a folder, each with its file and line.

    Empty lines are skipped. Raises RecordingError, with file and line, at what cannot be read.
    """
    if not folder.is_dir():
        raise RecordingError(f"no recording: {folder} is not a folder")
    # In the order of names, so that a recording is the same on every file system.
    files = sorted(p for p in folder.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz")))
    if not files:
        raise RecordingError(f"no recording: {folder} has no *.jsonl.gz and no *.jsonl file")
    for path in files:
        yield from read_file(path)


def read_lists(folder: Path) -> list[ValidatorDocument]:
    """The validator lists beside them, `vl*.json`. Raises RecordingError.

    Those of the publisher of `vl.json` come first, and of each publisher the newest last.
    """
    found: dict[str, list[ValidatorDocument]] = {}
    for path in sorted(folder.glob("vl*.json"), key=lambda path: (path.name != "vl.json", path)):
        try:
            document = ValidatorDocument.read(path.read_bytes())
            found.setdefault(document.publisher, []).append(document)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from None
        except ValueError as error:
            raise RecordingError(f"{path}: {error}") from None
    ordered = (sorted(lists, key=lambda each: each.sequence) for lists in found.values())
    return [each for lists in ordered for each in lists]


def read_file(path: Path) -> Iterator[tuple[str, Exchange | Message]]:
    """Everything in one file, each with the file and its line."""
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            item = parse_line(line)
        except ValueError as error:
            raise RecordingError(f"{path}:{number}: {error}") from None
        yield f"{path}:{number}", item


def parse_line(line: bytes) -> Exchange | Message:
    """One line of a recording. Raises ValueError with what is wrong with it."""
    try:
        body = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error})") from None
    if not isinstance(body, dict):
        raise ValueError("a line must be a JSON object")
    if "request" in body or "response" in body:
        return _exchange(body)
    if isinstance(body.get("type"), str):
        return Message(body)
    raise ValueError('neither {"request", "response"} nor a stream message (no "type")')


def _exchange(body: dict[str, Any]) -> Exchange:
    request, response = body.get("request"), body.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise ValueError('"request" and "response" must both be JSON objects')
    if not isinstance(request.get("command"), str):
        raise ValueError('the request has no "command"')
    if not isinstance(response.get("result"), dict) and not isinstance(response.get("error"), str):
        raise ValueError('the response has neither "result" nor "error"')
    return Exchange(request, response)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    # Counted here too: gzip raises between two lines.
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except EOFError:
        raise RecordingError(f"{path}:{number + 1}: the gzip file is cut off here") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RecordingError(f"{path}:{number + 1}: damaged gzip file ({error})") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from None

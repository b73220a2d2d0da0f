"""`python -m ekspiper.xrpl.replay FOLDER OPTIONS`: the process behind `ReplayProcess`.

OPTIONS are the keyword arguments of `ReplayNode` as a JSON object. One line is printed, with `url`
or `error`; the process ends when its standard input is closed, with a line that counts the `faults`
that struck.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ekspiper.core import ConfigError

from .node import ReplayNode
from .recording import Recording

__all__ = ["main"]


async def _serve(folder: str, options: dict[str, Any]) -> None:
    with Recording.load(folder) as recording:
        async with ReplayNode(recording, **options) as node:
            print(json.dumps({"url": node.url}), flush=True)
            # The parent holds the other end, so this process ends when the parent does.
            await asyncio.to_thread(sys.stdin.buffer.read)
        print(json.dumps({"faults": node.faults_injected}), flush=True)


def main(folder: str, options: str) -> None:
    """Serve until standard input is closed."""
    try:
        asyncio.run(_serve(folder, json.loads(options)))
    except ConfigError as error:
        print(json.dumps({"error": str(error)}), flush=True)
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    # No options of its own: people use `ekspiper replay`.
    if len(sys.argv) != 3:
        sys.exit("for ReplayProcess, FOLDER and OPTIONS; to serve a recording: ekspiper replay DIR")
    main(sys.argv[1], sys.argv[2])

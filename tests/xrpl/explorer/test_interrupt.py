"""Interrupting a kernel in the middle of a call leaves no task and no socket behind."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

pytest.importorskip("ipykernel")
manager = pytest.importorskip("jupyter_client.manager")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SETUP = """
import asyncio, os
from pathlib import Path
from ekspiper.xrpl import Explorer
from ekspiper.xrpl.explorer._reading import ledger_reader as reading

def sockets():
    links = [os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    return sum(link.startswith("socket:") for link in links)

async def slow(self, index):
    print("waiting", flush=True)
    await asyncio.sleep(60)

tasks_before = {task for task in asyncio.all_tasks()}
sockets_before = sockets()
quick, reading.LedgerReader.one = reading.LedgerReader.one, slow
xrpl = Explorer("sample", cache=False, progress=False)
"""

AFTER = """
left = [t for t in asyncio.all_tasks() - tasks_before if t is not asyncio.current_task()]
ours = ("/ekspiper/core/", "/ekspiper/xrpl/")  # the environment may have the name, too
left = [repr(t) for t in left if "explorer" in t.get_name() or any(o in repr(t) for o in ours)]
reading.LedgerReader.one = quick
print(left, sockets() - sockets_before)
"""


class Kernel:
    """A kernel that is asked to run code, and interrupted when it says `waiting`."""

    def __init__(self, client: Any, kernel: Any) -> None:
        self._client = client
        self._kernel = kernel

    def run(self, code: str, *, interrupt: bool = False) -> tuple[str, str]:
        """What it printed, and the name of the error if there was one."""
        asked = self._client.execute(dedent(code))
        printed, error = "", ""
        while True:
            message = self._client.get_iopub_msg(timeout=30)
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                printed += content["text"]
                if interrupt and "waiting" in content["text"]:
                    self._kernel.interrupt_kernel()
            elif kind == "error":
                error = content["ename"]
            elif kind == "status" and content["execution_state"] == "idle":
                return printed, error


@pytest.mark.parametrize("call", ["await xrpl.ledger(538)", "xrpl.sync.ledger(538)"])
def test_an_interrupt_leaves_nothing_behind(call: str, tmp_path: Path) -> None:
    kernel, client = manager.start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        jupyter = Kernel(client, kernel)
        assert jupyter.run(SETUP) == ("", "")
        printed, error = jupyter.run(call, interrupt=True)
        assert printed == "waiting\n"
        assert error in ("KeyboardInterrupt", "CancelledError")
        assert jupyter.run(AFTER) == ("[] 0\n", "")
        again = call.replace("538", "539")
        assert jupyter.run(f"print(({again}).ledger_index)") == ("539\n", "")
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
        kernel.cleanup_resources()

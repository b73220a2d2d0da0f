"""The same calls without `await`: with no loop, and with one that runs already."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest

from ekspiper.core import MissingExtra
from ekspiper.xrpl import Explorer
from ekspiper.xrpl.explorer import ExplorerClosed, SyncExplorer, sync_explorer

METHODS = {name for name, value in vars(Explorer).items() if callable(value) and name[0] != "_"}


def test_it_has_the_methods_of_the_explorer() -> None:
    # A source and a background run belong to a pipeline, which has an event loop.
    assert METHODS - set(vars(SyncExplorer)) == {"source", "start"}


def test_a_script_needs_no_await(explorer_cache: Path) -> None:
    with Explorer("sample", cache=explorer_cache, progress=False).sync as xrpl:
        assert len(xrpl.ledgers("-3:")) == 3
        assert xrpl.ledger(538).ledger_index == 538
        assert [each.ledger_index for each in xrpl.follow(3, pace=0)] == [421, 422, 423]
    with pytest.raises(ExplorerClosed):
        xrpl.ledger(538)
    with Explorer("sample", cache=explorer_cache, progress=False) as explorer:
        assert explorer.sync.ledger(539).ledger_index == 539
    with pytest.raises(ExplorerClosed):
        explorer.sync.ledger(539)


def test_calls_of_several_threads_wait_for_each_other(explorer_cache: Path) -> None:
    with Explorer("sample", cache=explorer_cache, progress=False).sync as xrpl:
        xrpl.ledger(538)
        with ThreadPoolExecutor(4) as threads:
            frames = list(threads.map(xrpl.ledgers, ["421:428", "429:436", "437:444", "445:452"]))
    assert [next(iter(frame["ledger_index"])) for frame in frames] == [421, 429, 437, 445]
    assert [len(frame) for frame in frames] == [8, 8, 8, 8]


async def test_a_forgotten_explorer_is_collected_where_another_loop_runs(
    explorer_cache: Path,
) -> None:
    def use_and_forget() -> None:
        Explorer("sample", cache=explorer_cache, progress=False).sync.ledger(538)

    # A warning or an unraisable error here would fail the test.
    await asyncio.to_thread(use_and_forget)
    gc.collect()


async def test_without_nest_asyncio_it_says_what_to_do(
    xrpl: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, sync_explorer._NESTING, None)

    with pytest.raises(MissingExtra, match=r"ekspiper-xrpl\[notebook\].*or leave out .sync"):
        xrpl.sync.ledgers("-3:")


def run_script(text: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(dedent(text))
    return subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_inside_a_running_loop_both_ways_share_one_connection(tmp_path: Path) -> None:
    """In a separate process: nest-asyncio changes asyncio for good."""
    ran = run_script(
        """
        import asyncio
        from ekspiper.xrpl import Explorer

        async def main():
            async with Explorer("sample", cache=False, progress=False) as xrpl:
                one = await xrpl.ledger(538)
                other = xrpl.sync.ledger(538)
                assert one.ledger_hash == other.ledger_hash
                assert len(xrpl._session._connections) == 1
                print(len(xrpl.sync.transactions("-3:")))

        asyncio.run(main())
        """,
        tmp_path,
    )
    assert ran.stderr == ""
    assert int(ran.stdout) > 0


@pytest.mark.parametrize("way", ["in its own loop", "in a running loop"])
def test_an_interrupt_ends_the_call_and_leaves_nothing(tmp_path: Path, way: str) -> None:
    ran = run_script(
        f"""
        import asyncio, os, signal, threading
        from pathlib import Path
        from ekspiper.xrpl import Explorer
        from ekspiper.xrpl.explorer._reading import ledger_reader as reading

        def sockets():
            links = [os.readlink(p) for p in Path("/proc/self/fd").iterdir() if p.exists()]
            return sum(link.startswith("socket:") for link in links)

        save = reading.LedgerReader.one

        async def interrupted(self, index):
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(30)

        def interrupt(xrpl):
            xrpl.sync.ledger(540)
            before = sockets()
            reading.LedgerReader.one = interrupted
            try:
                xrpl.sync.ledger(540)
            except KeyboardInterrupt:
                print("interrupted")
            reading.LedgerReader.one = save
            assert sockets() < before, "the connection is gone"
            print(xrpl.sync.ledger(539).ledger_index)

        async def main():
            xrpl = Explorer("sample", cache=False, progress=False)
            interrupt(xrpl)
            await xrpl.close()
            left = [t.get_name() for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            assert not left, left

        if {way!r} == "in a running loop":
            asyncio.run(main())
        else:
            xrpl = Explorer("sample", cache=False, progress=False)
            interrupt(xrpl)
            xrpl.sync.close()
        """,
        tmp_path,
    )
    assert ran.stderr == ""
    assert ran.stdout.split() == ["interrupted", "539"]

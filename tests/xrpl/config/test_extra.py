"""Without its extra a configuration says what to install."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = "import sys; sys.modules['pydantic'] = None; import ekspiper.xrpl.config.settings"


def test_it_says_what_to_install() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ended.stderr.endswith(
        "MissingExtra: a configuration needs pydantic: pip install 'ekspiper-xrpl[daemon]'\n"
    )

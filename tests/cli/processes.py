"""Commands as processes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

COMMAND = [sys.executable, "-m", "coulombfit"]


def begun(*command: str, **settings: str) -> subprocess.Popen:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=os.environ | settings
    )


def finished(*command: str, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, timeout=240, check=False, env=os.environ | settings, stdin=subprocess.DEVNULL
    )

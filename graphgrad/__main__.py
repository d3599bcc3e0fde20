"""``python -m graphgrad`` is the command ``graphgrad``."""

from __future__ import annotations

from graphgrad.cli import main

if __name__ == "__main__":
    main()

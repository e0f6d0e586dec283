"""Serve the single-page client on port 3000 of the loopback interface: its files, and the page again at /callback.

Start `authority demo`, then `python examples/single_page_client/serve.py`, and open http://localhost:3000.
"""

from __future__ import annotations

import os
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

HERE = Path(__file__).parent
PORT = int(os.environ.get("EXAMPLE_PORT", "3000"))


class Page(SimpleHTTPRequestHandler):
    """The files of this folder; `/callback` is the page itself."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, directory=str(HERE))  # type: ignore[arg-type]  # as the standard library passes them

    def translate_path(self, path: str) -> str:
        """Let `/callback` be the page, and hide this program."""
        bare = path.partition("?")[0]
        known = {"/": "index.html", "/callback": "index.html", "/client.js": "client.js", "/client.css": "client.css"}
        return str(HERE / known.get(bare, "nothing-here"))


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", PORT), Page).serve_forever()

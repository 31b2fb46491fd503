"""Serves the page of runs that still go on, to browsers on this machine alone."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from markupsafe import escape

from teacherstudent.comparing.compare import analyse
from teacherstudent.comparing.figures.draw import draw_all
from teacherstudent.comparing.page.writing import make_page
from teacherstudent.comparing.quantities import SPENT
from teacherstudent.recording.runs import find_runs

HOST = "127.0.0.1"
REST = 5.0
"""Seconds from one drawing to the next, at least: drawing takes processor time that the runs want."""

_NOTHING_YET = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="3"><link rel="icon" href="data:,">
<title>teacherstudent</title></head>
<body><p>{}</p><p>This page looks again every three seconds.</p></body>
</html>
"""


@dataclass
class Watched:
    """The page of some runs, drawn anew when it is asked for and the runs went on.

    Attributes:
        paths: run folders, or folders that hold some.
        baseline: as in `teacherstudent.comparing.compare.compare`.
        x: likewise.
        rest: seconds from one drawing to the next, at least.
    """

    paths: Sequence[Path]
    baseline: str | None = None
    x: str = SPENT
    rest: float = REST
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawn_at: float = -float("inf")
    _version: str = ""
    _page: str = ""

    def version(self) -> str:
        """Return a text that changes when a run of the page goes on, begins or ends."""
        found = []
        for path in self.paths:
            # A folder may be missing still: the runs may not have begun.
            if path.is_dir():
                found += [_changed(file) for file in path.rglob("status.json")]
        return f"{len(found)}-{max(found, default=0)}"

    def page(self) -> str:
        """Return the page as the runs are now, or as they were at most `rest` seconds ago."""
        with self._lock:
            version = self.version()
            if version != self._version and time.monotonic() - self._drawn_at >= self.rest:
                self._page = self._draw(version)
                self._version = version
                self._drawn_at = time.monotonic()
            return self._page

    def _draw(self, version: str) -> str:
        try:
            comparison = analyse(
                find_runs(self.paths), baseline=self.baseline, include_stopped=True, x=self.x
            )
            return make_page(comparison, draw_all(comparison), page=None, live=version)
        # Runs that have not been tested yet, a folder that is not there yet, a file in the midst of a change,
        # or one that holds something odd: the page says so and looks again; a server must not end by it.
        except Exception as error:
            return _NOTHING_YET.format(escape(f"{type(error).__name__}: {error}"))


def _changed(file: Path) -> int:
    """Return when a file changed, in nanoseconds; 0 if it is gone."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def make_server(watched: Watched, port: int) -> ThreadingHTTPServer:
    """Return a server of a page, which listens on this machine alone; ``serve_forever`` starts it.

    It answers only requests that name this machine, so that a page of another site cannot read it through a
    name that leads here.

    Args:
        watched: the page.
        port: 0 for one that is free.

    Raises:
        OSError: if the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.headers.get("Host", "").rsplit(":", 1)[0]
            if name not in (HOST, "localhost"):
                self._answer(403, "text/plain", "expected a request to 127.0.0.1 or localhost")
            elif self.path == "/":
                self._answer(200, "text/html", watched.page())
            elif self.path == "/version":
                self._answer(200, "application/json", json.dumps({"version": watched.version()}))
            else:
                self._answer(404, "text/plain", "expected / or /version")

        def _answer(self, status: int, kind: str, text: str) -> None:
            # A label may hold half a letter.
            body = text.encode(errors="backslashreplace")
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: a line for each request would hide what the terminal shows."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    return server

"""A web page with hls.js, in a real browser."""

import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.http.browser import PROGRAM, Browser, running_browser
from tests.support.processes import programs

# npm puts it there, as package-lock.json beside this module says.
_HLS_JS = Path(__file__).parent / "player" / "node_modules" / "hls.js" / "dist" / "hls.min.js"
needed = programs.needed(PROGRAM, files=[_HLS_JS])

_PAGE = """
<!doctype html><link rel="icon" href="data:,"><video muted></video><script src="hls.js"></script><script>
const video = document.querySelector("video"), player = new Hls(), errors = [];
player.on(Hls.Events.ERROR, (event, data) => data.fatal && errors.push(data.details));
player.loadSource(decodeURIComponent(location.hash.slice(1)));
player.attachMedia(video);
player.on(Hls.Events.MANIFEST_PARSED, () => video.play());
</script>
"""
_STATE = "JSON.stringify({pictures: video.getVideoPlaybackQuality().totalVideoFrames, errors})"


class WebPlayer:
    """A page that plays one playlist."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address

    def open(self, playlist: str) -> None:
        """Begin to play."""
        self._browser.open(f"{self._address}#{quote(playlist, safe='')}")

    def at_least(self, seconds: float) -> None:
        """Wait until so much is played."""
        self._browser.until(f"typeof video === 'object' && (video.currentTime >= {seconds} || errors.length)")

    def at_the_end(self) -> dict[str, Any]:
        """Wait until all is played; the number of decoded `pictures`, and the fatal `errors`."""
        self._browser.until("typeof video === 'object' && (video.ended || errors.length)")
        state: dict[str, Any] = json.loads(self._browser.evaluate(_STATE))
        return state


@contextmanager
def running_web_player(folder: Path) -> Iterator[WebPlayer]:
    """A browser with the page. All its files are in a folder."""
    pages = folder / "pages"
    pages.mkdir()
    (pages / "index.html").write_text(_PAGE)
    shutil.copy(_HLS_JS, pages / "hls.js")
    with _serving(pages) as port, running_browser(folder / "browser") as browser:
        yield WebPlayer(browser, f"http://127.0.0.1:{port}/")


@contextmanager
def _serving(folder: Path) -> Iterator[int]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the class above
        """Log nothing."""

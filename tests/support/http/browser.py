"""A real browser, controlled over a pipe with the DevTools protocol."""

import itertools
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import programs
from tests.support.processes.polling import DEADLINE_SECONDS

PROGRAM = "google-chrome" if shutil.which("google-chrome") else "chromium"
needed = programs.needed(PROGRAM)


class Browser:
    """One page of a browser. It keeps the page's log and the URLs of its requests. Calls block."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._numbers = itertools.count(1)
        self._unread = b""
        self._session = ""
        self.log: list[str] = []
        self.requested: list[str] = []

    def open(self, url: str) -> None:
        """Load a page."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Log", "Network", "Page", "Runtime"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=url)

    def evaluate(self, script: str) -> Any:
        """The value of a script in the page."""
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str) -> Any:
        """The value of a script as soon as it is true."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (value := self.evaluate(script)):
            assert time.monotonic() < deadline, f"never true: {script}; the page logged {self.log}"
            time.sleep(0.05)
        return value

    def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != number:
            self._note(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _note(self, event: dict[str, Any]) -> None:
        match event["method"]:
            case "Log.entryAdded":
                self.log.append(event["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.log.append(json.dumps(event["params"]))
            case "Network.requestWillBeSent":
                self.requested.append(event["params"]["request"]["url"])

    def _next(self) -> Any:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._answers], [], [], DEADLINE_SECONDS)
            assert ready, "the browser does not answer"
            more = os.read(self._answers, 1 << 20)
            assert more, "the browser ended"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


@contextmanager
def running_browser(folder: Path) -> Iterator[Browser]:
    """A browser that keeps all its files in a folder."""
    commands, answers = os.pipe(), os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--no-first-run"]
    options += ["--remote-debugging-pipe", f"--user-data-dir={folder}"]
    # It reads from 3 and writes to 4. On 2 it complains that there is no desktop.
    wiring = [
        (os.POSIX_SPAWN_DUP2, commands[0], 3),
        (os.POSIX_SPAWN_DUP2, answers[1], 4),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    process = os.posix_spawnp(
        PROGRAM, [PROGRAM, *options], os.environ | {"HOME": str(folder)}, file_actions=wiring, setpgroup=0
    )
    os.close(commands[0])
    os.close(answers[1])
    try:
        yield Browser(commands[1], answers[0])
    finally:
        os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(commands[1])
        os.close(answers[0])

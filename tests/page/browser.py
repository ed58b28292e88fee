"""A headless Chromium for tests, driven by its DevTools protocol: open a page, ask it things, wait, take a picture.

Nothing but the driver lives here; other suites may use it. (Source: https://chromedevtools.github.io/devtools-protocol/)
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import threading
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
LISTENING = re.compile(r"DevTools listening on (ws://\S+)")


def find_chromium() -> str | None:
    """The path of an installed Chromium, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class PageError(Exception):
    """What was asked of the page failed: a script threw, or a condition never came true."""


class Browser:
    """A Chromium process; use it as a context manager.

    profile: an empty directory for its files. timeout: seconds each answer may take.
    """

    def __init__(self, profile: Path, timeout: float = 30) -> None:
        self._profile = profile
        self._timeout = timeout
        self._last = 0
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)

    def __enter__(self) -> Browser:
        with ExitStack() as stack:
            process = self._start()
            stack.callback(self._end, process)
            assert process.stderr is not None
            address = self._address(process.stderr)
            drain = threading.Thread(target=process.stderr.read, daemon=True)
            drain.start()
            self._socket = stack.enter_context(connect(address, max_size=None, proxy=None))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> subprocess.Popen[str]:
        program = find_chromium()
        if program is None:
            raise FileNotFoundError(f"none of {', '.join(NAMES)} is installed")
        command = [program, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    @staticmethod
    def _address(stderr: IO[str]) -> str:
        said = []
        for line in stderr:
            said.append(line)
            if found := LISTENING.search(line):
                return found[1]
        raise PageError("Chromium did not start:\n" + "".join(said[-20:]))

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.terminate()
        with process:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def command(self, method: str, session: str | None = None, /, **parameters: Any) -> dict[str, Any]:
        """Send one command of the protocol and wait for its result.

        method: such as `Page.navigate`. session: the target's session, None for the browser itself.
        Raises PageError if the browser refuses, TimeoutError if it does not answer.
        """
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=self._timeout))
            if answer.get("id") == self._last:
                break
            self._events.append(answer)
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def events(self, method: str, session: str) -> list[dict[str, Any]]:
        """The parameters of all events of one kind that a target has sent so far (the last 1000 of all kinds)."""
        return [
            event["params"]
            for event in self._events
            if event.get("method") == method and event.get("sessionId") == session
        ]

    def open(
        self, url: str, *, width: int = 1280, height: int = 800, dark: bool = False, scale: float = 1
    ) -> Page:
        """A new tab that has loaded `url`. width, height: CSS pixels. scale: device pixels in a CSS pixel."""
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            page.command(f"{domain}.enable")
        page.look(width, height, dark=dark, scale=scale)
        page.command("Page.navigate", url=url)
        page.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def command(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, to this tab."""
        return self._browser.command(method, self._session, **parameters)

    def look(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """Have a window of this size, and a reader who likes it dark or light."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression (awaited if it is a promise). Raises PageError if it throws."""
        answer = self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def wait_for(self, condition: str, timeout: float = 20) -> Any:
        """The first true value of a JavaScript expression. Raises PageError if there is none within `timeout` s."""
        script = f"""new Promise((resolve) => {{
            const end = performance.now() + {timeout * 1000};
            const look = () => {{
                const value = (() => {{ try {{ return {condition}; }} catch (error) {{ return false; }} }})();
                if (value) resolve(value);
                else if (performance.now() > end) resolve(null);
                else setTimeout(look, 30);
            }};
            look();
        }})"""
        value = self.evaluate(script)
        if not value:
            text = self.evaluate("document.body.innerText.slice(0, 2000)")
            raise PageError(f"not within {timeout} s: {condition}\nthe page says:\n{text}\n{self.complaints()}")
        return value

    def complaints(self) -> list[str]:
        """Exceptions nobody caught, and errors of the console: CSP violations, missing files."""
        self.evaluate("1")  # what was sent before this answer has been read then
        thrown = [
            event["exceptionDetails"].get("exception", {}).get("description", event["exceptionDetails"]["text"])
            for event in self._browser.events("Runtime.exceptionThrown", self._session)
        ]
        logged = [
            f"{event['entry']['text']} {event['entry'].get('url', '')}"
            for event in self._browser.events("Log.entryAdded", self._session)
            if event["entry"]["level"] == "error"
        ]
        return thrown + logged

    def screenshot(self, path: Path) -> None:
        """Save what the window shows as a PNG."""
        data = self.command("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """Close the tab."""
        self.command("Page.close")

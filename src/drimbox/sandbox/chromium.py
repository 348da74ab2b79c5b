"""Headless Chromium by its own DevTools protocol: tabs, clicks, pictures, and what went wrong.

https://chromedevtools.github.io/devtools-protocol/ ; no driver nor package is needed.
"""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from drimbox.errors import SettingsError

_START_SECONDS = 30
# So many looks at an element, all at one place.
_STILL = 5
# Whoever waits for what comes loses nothing by it; a busy machine takes its time.
_WAIT_SECONDS = 120.0
_FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--window-size=1360,860",
    "--lang=fr",
)
# What a script has just changed is on screen with the second picture from now; a tab that draws
# none is not waited for.
_NEXT_PICTURE = """new Promise((drawn) => {
  requestAnimationFrame(() => requestAnimationFrame(drawn));
  setTimeout(drawn, 1000);
})"""
_DOMAINS = ("Page", "Runtime", "Network", "Log")
# chrome-extension: the browser's own PDF reader.
_OF_NO_ORIGIN = frozenset({"data", "blob", "about", "chrome", "chrome-extension"})


def find_chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Tab:
    """One page; hosts are those it asked anything of, complaints its errors, as they came."""

    browser: "Chromium"
    session_id: str
    hosts: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    is_closed: bool = False

    async def goto(self, url: str) -> None:
        await self._send("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401  # what a page gives
        """Return what a script is worth in the page.

        Raises:
            ScriptFailed: it threw.
        """
        answer = await self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise ScriptFailed(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def wait_for(self, condition: str, *, timeout_seconds: float = _WAIT_SECONDS) -> float:
        """Wait until a condition holds, through navigations; return the seconds it took.

        Raises:
            ScriptFailed: it never did; where the page was, and what it said.
        """
        since = time.monotonic()
        while time.monotonic() - since < timeout_seconds:
            # Between two pages there is nobody to ask.
            with contextlib.suppress(ScriptFailed, DevToolsError, TimeoutError):
                async with asyncio.timeout(2):
                    if await self.evaluate(condition):
                        return time.monotonic() - since
            await asyncio.sleep(0.02)
        where = await self.evaluate("location.href + '\\n' + document.body.innerText")
        raise ScriptFailed(f"never true: {condition}\n{where}")

    async def click(self, selector: str) -> None:
        """Wait for an element that stands still and click in its middle, with a real mouse.

        A bar whose labels are still being laid out moves what is on it more than once.
        """
        element = f"document.querySelector({json.dumps(selector)})"
        await self.wait_for(f"document.readyState === 'complete' && {element} !== null")
        x, y = await self._standing_still(element)
        for kind in ("mousePressed", "mouseReleased"):
            await self._send(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def drag(self, selector: str, x: int, y: int, *, button: str = "left") -> None:
        """Take hold of the middle of an element, move by so many pixels, let go."""
        start = await self._standing_still(f"document.querySelector({json.dumps(selector)})")
        at = {"x": start[0], "y": start[1], "button": button}
        await self._send("Input.dispatchMouseEvent", type="mousePressed", clickCount=1, **at)
        at |= {"x": start[0] + x, "y": start[1] + y}
        await self._send("Input.dispatchMouseEvent", type="mouseMoved", **at)
        await self._send("Input.dispatchMouseEvent", type="mouseReleased", clickCount=1, **at)

    async def turn_wheel(self, selector: str, pixels: int, *, with_control: bool = False) -> None:
        """Turn the wheel over an element; downwards is positive."""
        x, y = await self._standing_still(f"document.querySelector({json.dumps(selector)})")
        await self._send(
            "Input.dispatchMouseEvent",
            type="mouseWheel", x=x, y=y, deltaX=0, deltaY=pixels, modifiers=2 * with_control,
        )  # fmt: skip

    async def _standing_still(self, element: str) -> tuple[float, float]:
        """Return the middle of an element once it neither moves nor lies under another.

        Raises:
            ScriptFailed: it never came to rest; what lay over it last.
        """
        seen: list[tuple[float, float]] = []
        over = ""
        since = time.monotonic()
        while time.monotonic() - since < _WAIT_SECONDS:
            # A page that draws it anew has none for a moment.
            with contextlib.suppress(ScriptFailed):
                seen = [*seen, await self._middle(element)][-_STILL:]
                if len(seen) == _STILL and len(set(seen)) == 1:
                    # It may have moved since it was measured: then all of it is asked again.
                    hit = "document.elementFromPoint({}, {})".format(*seen[-1])
                    if await self.evaluate(f"{hit} !== null && {element}.contains({hit})"):
                        return seen[-1]
                    over = await self.evaluate(f"{hit}?.outerHTML.slice(0, 200) ?? 'nothing'")
            await asyncio.sleep(0.05)
        raise ScriptFailed(f"{element} stays covered or moves: seen at {seen}, under {over}")

    async def _middle(self, element: str) -> tuple[float, float]:
        x, y = await self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            "const b = e.getBoundingClientRect();"
            f"return [b.x + b.width / 2, b.y + b.height / 2] }})({element})"
        )
        return float(x), float(y)

    async def double_click(self, selector: str, number: int = 0) -> None:
        """Tell one of the elements that it was clicked twice."""
        elements = f"document.querySelectorAll({json.dumps(selector)})"
        await self.wait_for(f"{elements}.length > {number}")
        event = "new MouseEvent('dblclick', {bubbles: true})"
        await self.evaluate(f"{elements}[{number}].dispatchEvent({event})")

    async def press(self, key: str) -> None:
        """Press a key on what has the focus."""
        for kind in ("keyDown", "keyUp"):
            await self._send("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    async def resize(self, width: int, height: int) -> None:
        await self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    async def run_first(self, script: str) -> None:
        """Run a script in each page to come, before any of its own."""
        await self._send("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def slow_down(
        self, *, processor: float, latency_ms: float, bytes_per_second: int
    ) -> None:
        """Make it a tab of a slow workstation on a slow line; what the browser keeps comes at once.

        processor is a divisor of speed; bytes_per_second -1 is as many as come.
        """
        await self._send("Emulation.setCPUThrottlingRate", rate=processor)
        await self._send(
            "Network.emulateNetworkConditions",
            offline=False, latency=latency_ms,
            downloadThroughput=bytes_per_second, uploadThroughput=bytes_per_second,
        )  # fmt: skip

    async def forget_files(self) -> None:
        """Empty the browser's cache."""
        await self._send("Network.clearBrowserCache")

    async def close(self) -> None:
        """End it as its user does; what it complained of stays."""
        self.is_closed = True
        await self._send("Page.close")

    async def screenshot(self, path: Path) -> None:
        await self._send("Page.bringToFront")  # one behind another is not drawn
        await self.evaluate(_NEXT_PICTURE)
        answer = await self._send("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def prepare(self) -> None:
        """Listen before the page asks for anything, then let it go on."""
        commands = [f"{domain}.enable" for domain in _DOMAINS]
        # All at once and in order: some are answered only once the page goes on.
        await asyncio.gather(
            *(self._send(command) for command in (*commands, "Runtime.runIfWaitingForDebugger"))
        )

    def receive(self, method: str, event: dict[str, Any]) -> None:
        """Note what matters of an event."""
        if method == "Network.requestWillBeSent":
            url = urlsplit(event["request"]["url"])
            if url.scheme not in _OF_NO_ORIGIN:
                self.hosts.add(url.hostname or "")
        elif method == "Network.loadingFailed" and not event.get("canceled"):
            self.complaints.append(f"not loaded: {event['errorText']}")
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"dialog: {event['message']}")
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", "")
            self.complaints.append(f"exception: {details['text']} {thrown}")
        elif method == "Runtime.consoleAPICalled" and event["type"] in {"error", "assert"}:
            self.complaints.append(f"console: {event['args']}")
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            self.complaints.append(f"log: {event['entry']['text']} {event['entry'].get('url')}")

    async def _send(self, method: str, **parameters: object) -> Any:  # noqa: ANN401
        return await self.browser.send(method, parameters, self.session_id)


class ScriptFailed(Exception):
    """A script in a page threw, or what was waited for never came."""


class DevToolsError(Exception):
    """Chromium refused a command."""


@dataclass
class Chromium:
    """The browser: every tab of it, those that pages open too.

    origins are those that any page or worker asked anything of.
    """

    socket: aiohttp.ClientWebSocketResponse
    tabs: list[Tab] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    _answers: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    _opened: asyncio.Queue[Tab] = field(default_factory=asyncio.Queue)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self, url: str) -> Tab:
        await self.send("Target.createTarget", {"url": "about:blank"})
        tab = await self.next_tab()
        await tab.goto(url)
        return tab

    async def next_tab(self) -> Tab:
        """Return the next tab that opens, by us or by a page."""
        async with asyncio.timeout(_WAIT_SECONDS):
            return await self._opened.get()

    async def send(
        self, method: str, parameters: dict[str, Any], session_id: str | None = None
    ) -> Any:  # noqa: ANN401  # each command has its own
        number = len(self._answers) + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session_id is not None:
            message["sessionId"] = session_id
        await self.socket.send_json(message)
        async with asyncio.timeout(_WAIT_SECONDS):
            return await answer

    async def listen(self) -> None:
        """Read answers and events until the browser ends."""
        async for message in self.socket:
            received = json.loads(message.data)
            if "id" in received:
                self._answer(received)
            elif received["method"] == "Target.attachedToTarget":
                self._attach(received["params"])
            else:
                if received["method"] == "Network.requestWillBeSent":
                    self._note_origin(received["params"]["request"]["url"])
                for tab in self.tabs:
                    if tab.session_id == received.get("sessionId"):
                        tab.receive(received["method"], received["params"])

    def _note_origin(self, address: str) -> None:
        url = urlsplit(address)
        if url.scheme not in _OF_NO_ORIGIN:
            self.origins.add(f"{url.scheme}://{url.netloc}")

    def _answer(self, received: dict[str, Any]) -> None:
        answer = self._answers[received["id"]]
        if answer.done():
            return
        if "error" in received:
            answer.set_exception(DevToolsError(received["error"]["message"]))
        else:
            answer.set_result(received["result"])

    def _attach(self, event: dict[str, Any]) -> None:
        tab = Tab(self, event["sessionId"])
        task = asyncio.create_task(tab.prepare())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if event["targetInfo"]["type"] == "page":
            self.tabs.append(tab)
            self._opened.put_nowait(tab)


@contextlib.asynccontextmanager
async def running_chromium(folder: Path) -> AsyncIterator[Chromium]:
    """Run one with a profile of its own in the folder.

    Raises:
        SettingsError: there is none on this machine.
    """
    program = find_chromium()
    if program is None:
        raise SettingsError("chromium", "not installed (apt-get install chromium)")
    flags = [*_FLAGS, f"--user-data-dir={folder}"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses root otherwise
    process = await asyncio.create_subprocess_exec(
        program, *flags, "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with _attached(await _address_in(folder / "DevToolsActivePort")) as browser:
            yield browser
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def _attached(address: str) -> AsyncIterator[Chromium]:
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.ws_connect(address, max_msg_size=0) as socket,
    ):
        browser = Chromium(socket)
        listening = asyncio.create_task(browser.listen())
        attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        await browser.send("Target.setAutoAttach", attach)
        await browser.next_tab()
        try:
            yield browser
        finally:
            with contextlib.suppress(TimeoutError):
                await browser.send("Browser.close", {})
            listening.cancel()


async def _address_in(file: Path) -> str:
    """Return the address that Chromium writes once it listens."""
    async with asyncio.timeout(_START_SECONDS):
        while True:
            address = await asyncio.to_thread(_read_address, file)
            if address is not None:
                return address
            await asyncio.sleep(0.05)


def _read_address(file: Path) -> str | None:
    """Read `port` and `path`, one a line; None while they are not there."""
    if not file.exists() or len(lines := file.read_text().split()) < 2:
        return None
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"

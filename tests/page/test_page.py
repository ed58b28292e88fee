"""The page in a headless Chromium, against a small router whose every message the test decides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.page.browser import Browser
from tests.page.fake_router import FakeRouter

pytestmark = pytest.mark.slow

CARD = "[...document.querySelectorAll('.card')].find((card) => card.querySelector('h3').textContent === '{}')"


def test_links_to_central_routers(browser: Browser, page_files: Path) -> None:
    """A pill for each: whether it is up, and what waits for it."""
    with FakeRouter(page_files) as router:
        page = browser.open(router.url)
        router.wait_for_subscriber()
        router.publish("edge.uplink.hq.status", "down", rows=1234, error="nobody listens")
        page.wait_for("document.querySelector('#uplinks .pill')?.title === 'nobody listens'")
        text = page.evaluate("document.querySelector('#uplinks').textContent")
        assert re.fullmatch(r"hq down · 1.?234 waiting", text)
        router.publish("edge.uplink.hq.status", "up", rows=0, peer="tcp:h:1")
        page.wait_for("document.querySelector('#uplinks').textContent === 'hq up'")
        assert page.evaluate("document.querySelector('#uplinks .pill').dataset.mood") == "good"
        assert page.complaints() == []


def card(name: str, inside: str = "") -> str:
    """JavaScript for a card, or for the text of an element in it."""
    found = CARD.format(name)
    return f"{found}.querySelector('{inside}').textContent" if inside else found


def frame(seq: int) -> dict[str, object]:
    """The kwargs of a bridge's event."""
    return {"bridge": "kitchen", "seq": seq, "ts": 1_700_000_000_000 + seq * 1000, "ts_quality": "synced"}


def test_shows_values_as_they_come(browser: Browser, page_files: Path) -> None:
    """A topic that nobody announced gets a card with its value, unit, age and, from two values on, a plot."""
    with FakeRouter(page_files) as router:
        page = browser.open(router.url)
        page.wait_for("document.getElementById('connection').textContent === 'Live'")
        router.wait_for_subscriber()
        assert next(message for message in router.received if message[0] == 32)[2]["match"] == "prefix"
        router.publish("com.example.kitchen.temperature", 21.5, unit="°C", **frame(1))
        page.wait_for(f"{card('Temperature', '.value')} === '21.5'")
        assert page.evaluate(card("Temperature", ".unit")) == "°C"
        assert page.evaluate(card("Temperature", ".age")) == "now"
        page.evaluate("new Promise((resolve) => setTimeout(resolve, 600))")  # a point of the plot is half a second
        router.publish("com.example.kitchen.temperature", 22.25, unit="°C", **frame(2))
        page.wait_for(f"{card('Temperature', '.value')} === '22.25'")
        page.wait_for(f"!{card('Temperature')}.querySelector('canvas').hidden")
        drawn = page.wait_for(
            f"(() => {{ const c = {card('Temperature')}.querySelector('canvas');"
            "return c.width && c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((x) => x); })()"
        )
        assert drawn
        assert page.evaluate("document.querySelector('.group h2').textContent") == "Kitchen"
        assert page.complaints() == []
        page.close()


def test_hostile_text_stays_text(browser: Browser, page_files: Path) -> None:
    """Markup in values, units, topics and bridges is shown, never parsed."""
    evil = "<img src=x onerror=\"document.title='owned'\">"
    with FakeRouter(page_files) as router:
        page = browser.open(router.url)
        router.wait_for_subscriber()
        router.publish(f"com.{evil.replace(' ', '_')}", evil, unit=evil, bridge=evil)
        router.publish("com.example.status", evil, bridge=evil, device=evil, last_error=evil, bad=1)
        page.wait_for("document.querySelector('.card .value')?.textContent.startsWith('<img')")
        page.wait_for("document.querySelector('.device').textContent.startsWith('<img')")
        assert page.evaluate("document.querySelectorAll('main img').length") == 0
        assert page.evaluate("document.title") == "edge-router"
        page.close()


def test_says_that_a_device_is_unplugged(browser: Browser, page_files: Path) -> None:
    """A status `away` marks the bridge and all of its readings; `open` takes that back."""
    with FakeRouter(page_files) as router:
        page = browser.open(router.url)
        router.wait_for_subscriber()
        router.publish("com.example.kitchen", {"temperature": 21.5}, **frame(1))
        about = {"bridge": "kitchen", "device": "/dev/ttyUSB0", "last_error": "it was unplugged"}
        router.publish("com.example.kitchen.status", "away", **about)
        page.wait_for("document.querySelector('.group .pill').textContent === 'device away'")
        page.wait_for(f"{card('Temperature')}.classList.contains('old')")
        assert "it was unplugged" in page.evaluate("document.querySelector('.trouble').textContent")
        router.publish("com.example.kitchen.status", "open", **about)
        page.wait_for("document.querySelector('.group .pill').textContent === 'connected'")
        page.wait_for(f"!{card('Temperature')}.classList.contains('old')")
        page.close()


def test_asks_for_the_status_that_was_told_before(browser: Browser, page_files: Path) -> None:
    """Of a bridge that tells its status when that changes, a page that came later asks for it."""
    with FakeRouter(page_files) as router:
        facts = {"bridge": "kitchen", "device": "/dev/x"}
        router.procedures["com.example.kitchen.get_status"] = [["open"], facts]
        page = browser.open(router.url)
        router.wait_for_subscriber()
        router.publish("com.example.kitchen", {"temperature": 21.5}, **frame(1))
        page.wait_for("document.querySelector('.group .pill').textContent === 'connected'")
        assert page.evaluate("document.querySelector('.device').textContent") == "/dev/x"
        page.close()


def test_router_goes_and_comes_back(browser: Browser, page_files: Path) -> None:
    """Without the router the page says so and keeps the last values; it goes on by itself when it is back."""
    with FakeRouter(page_files) as router:
        port = router.port
        page = browser.open(router.url)
        router.wait_for_subscriber()
        router.publish("com.example.level", 1)
        page.wait_for(f"{card('Level', '.value')} === '1'")
    page.wait_for("!document.getElementById('away').hidden")
    assert page.evaluate("document.getElementById('connection').textContent") in ("Router away", "Reconnecting")
    assert "router is away" in page.evaluate("document.getElementById('away').innerText")
    assert page.evaluate(card("Level", ".value")) == "1"
    with FakeRouter(page_files, port) as router:
        router.wait_for_subscriber()
        page.wait_for("document.getElementById('away').hidden")
        router.publish("com.example.level", 2)
        page.wait_for(f"{card('Level', '.value')} === '2'")
        page.close()


def test_refusal_is_told(browser: Browser, page_files: Path) -> None:
    """Who may not subscribe reads why, and what to do."""
    with FakeRouter(page_files, refuse="wamp.error.not_authorized") as router:
        page = browser.open(router.url)
        page.wait_for("document.getElementById('empty-title').textContent.includes('does not let')")
        text = page.evaluate("document.getElementById('empty').innerText")
        assert "wamp.error.not_authorized" in text
        assert "?prefix=" in text
        page.close()


def test_prefix_of_the_address(browser: Browser, page_files: Path) -> None:
    """`?prefix=` is what is subscribed to; nothing in the address sends the page to another host."""
    with FakeRouter(page_files) as router:
        page = browser.open(f"{router.url}?prefix=com.example.&realm=realm2&ws=//evil.example/ws")
        router.wait_for_subscriber()
        assert router.received[0][1] == "realm2"
        assert router.received[1][3] == "com.example."
        page.close()


def test_below_a_path(browser: Browser, page_files: Path) -> None:
    """Served below a path, as in the configuration of a new node, the page finds the router all the same."""
    with FakeRouter(page_files) as router:
        page = browser.open(f"{router.url}live/")
        page.wait_for("document.getElementById('connection').textContent === 'Live'")
        assert page.complaints() == []
        page.close()


def test_filter(browser: Browser, page_files: Path) -> None:
    """With many readings a filter shows those whose topic has all of the words."""
    with FakeRouter(page_files) as router:
        page = browser.open(router.url)
        router.wait_for_subscriber()
        assert page.evaluate("document.getElementById('search').hidden")
        for number in range(12):
            router.publish(f"com.example.t{number}", number)
        page.wait_for("!document.getElementById('search').hidden")
        page.wait_for("document.querySelectorAll('.card').length == 12")  # the field comes before the last of them
        page.evaluate(
            "(() => { const it = document.getElementById('filter'); it.value = 'example T11';"
            "it.dispatchEvent(new Event('input')); })()"
        )
        page.wait_for("document.querySelectorAll('.card:not([hidden])').length == 1")
        page.close()


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_fits_the_width(browser: Browser, page_files: Path, width: int) -> None:
    """Nothing is wider than the window, whatever is in it."""
    with FakeRouter(page_files) as router:
        page = browser.open(router.url, width=width)
        router.wait_for_subscriber()
        router.publish("com.example." + "long" * 30, "w" * 300, unit="u" * 60, bridge="b" * 80)
        router.publish("com.example.status", "away", bridge="b" * 80, device="/dev/" + "d" * 200, last_error="e" * 200)
        router.publish("com.example.object", {"list": list(range(200)), "text": "x" * 900})
        page.wait_for("document.querySelectorAll('.card').length === 3")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_many_topics_leave_the_browser_idle(browser: Browser, page_files: Path) -> None:
    """200 topics with 2000 events a second: the page's thread takes less than half a core, whoever else is at work."""
    with FakeRouter(page_files) as router:
        page = browser.open(router.url)
        router.wait_for_subscriber()
        page.command("Performance.enable")

        def busy() -> tuple[float, float]:
            metrics = {one["name"]: one["value"] for one in page.command("Performance.getMetrics")["metrics"]}
            return metrics["Timestamp"], metrics["ThreadTime"]

        for topic in range(200):
            router.publish(f"com.example.t{topic}", 0.0)
        page.wait_for("document.querySelectorAll('.card').length === 200")
        begin, before = busy()
        for number in range(1, 41):
            page.evaluate("new Promise((resolve) => setTimeout(resolve, 100))")
            for topic in range(200):
                router.publish(f"com.example.t{topic}", number / 10)
        page.wait_for(f"{card('T0', '.value')} === '4.0'")
        end, after = busy()
        assert (after - before) / (end - begin) < 0.5
        facts = page.wait_for("document.getElementById('facts').textContent")
        assert re.search(r"200 readings", facts)
        page.close()

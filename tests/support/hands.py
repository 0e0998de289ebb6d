"""A person's hands on a page: with the mouse, or with the keyboard alone."""

from __future__ import annotations

from typing import Any, Protocol

# More steps with the tab key than this to one thing nobody takes; Airflow's own navigation comes first.
MOST_STEPS = 150
# The key that leads to the element from where the focus is; none where it is there.
WAY = """element => {
  const at = document.activeElement;
  if (document.hasFocus() && element === at) { return null; }
  return at.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_PRECEDING ? "Shift+Tab" : "Tab";
}"""


class Hands(Protocol):
    """What a person does to one thing on a page, which Playwright has found."""

    def press(self, thing: Any) -> None:
        """Follow a link or push a button."""

    def tick(self, box: Any) -> None:
        """Tick a box that is empty."""

    def write(self, field: Any, text: str) -> None:
        """Write `text` into an empty field and send it."""

    def choose(self, menu: Any, value: str) -> None:
        """Choose the entry of a menu that has this value."""


class Mouse:
    """The mouse, and the keyboard to write with."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def press(self, thing: Any) -> None:
        """Follow a link or push a button."""
        thing.click()

    def tick(self, box: Any) -> None:
        """Tick a box that is empty."""
        box.check()

    def write(self, field: Any, text: str) -> None:
        """Write `text` into an empty field and send it."""
        field.click()
        self._page.keyboard.type(text)
        self._page.keyboard.press("Enter")

    def choose(self, menu: Any, value: str) -> None:
        """Choose the entry of a menu that has this value."""
        menu.select_option(value)


class Keyboard:
    """The keyboard alone. Each step fails where the tab key does not reach the thing in MOST_STEPS."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def press(self, thing: Any) -> None:
        """Follow a link or push a button."""
        self._go_to(thing)
        self._page.keyboard.press("Enter")

    def tick(self, box: Any) -> None:
        """Tick a box that is empty."""
        self._go_to(box)
        self._page.keyboard.press("Space")

    def write(self, field: Any, text: str) -> None:
        """Write `text` into an empty field and send it."""
        self._go_to(field)
        self._page.keyboard.type(text)
        self._page.keyboard.press("Enter")

    def choose(self, menu: Any, value: str) -> None:
        """Choose the entry of a menu that has this value: opened, since a closed one sends what each arrow passes."""
        self._go_to(menu)
        steps = menu.evaluate(
            "(menu, value) => [...menu.options].findIndex(one => one.value === value) - menu.selectedIndex", value
        )
        self._page.keyboard.press("Space")
        for _ in range(abs(steps)):
            self._page.keyboard.press("ArrowDown" if steps > 0 else "ArrowUp")
        self._page.keyboard.press("Enter")

    def _go_to(self, thing: Any) -> None:
        for _ in range(MOST_STEPS):
            key = thing.evaluate(WAY)
            if key is None:
                return
            self._page.keyboard.press(key)
        raise AssertionError(f"The tab key does not reach {thing} in {MOST_STEPS} steps.")

"""What the page tests share: one renderer, and a reader that sees a document as a browser's parser would."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from attrs import define, field

from authority_pages import JinjaPages

Element = tuple[str, dict[str, str | None]]


@define
class Document:
    """A parsed page: its elements in order, and its text."""

    elements: list[Element] = field(factory=list)
    text: str = ""

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element with one of *tags*."""
        return [attributes for tag, attributes in self.elements if tag in tags]

    def by_id(self, identifier: str) -> dict[str, str | None]:
        """Return the attributes of the one element called *identifier*."""
        (found,) = [attributes for _, attributes in self.elements if attributes.get("id") == identifier]
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.document = Document()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.document.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.document.text += data


def read_document(html: str) -> Document:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.document


@pytest.fixture(scope="session")
def pages() -> JinjaPages:
    return JinjaPages()


@pytest.fixture
def read() -> Callable[[str], Document]:
    return read_document

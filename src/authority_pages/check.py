"""A check for hosts that bring their own templates: does every page still carry what the server needs back?

Renders each sample and reports in plain sentences; knows nothing of the server that will use the pages.
"""

from __future__ import annotations

from html.parser import HTMLParser

from authority_core.kernel.pages import ConsentPage, Page, PasswordChangePage, SignInPage, SignOutPage
from authority_core.kernel.ports import Pages

from .samples import sample_pages, sample_view

_FIELDS: dict[type[Page], tuple[tuple[str, str | None], ...]] = {
    SignInPage: (("username", None), ("password", None)),
    PasswordChangePage: (("new_password", None), ("confirm_new_password", None)),
    ConsentPage: (("consent_action", "approve"), ("consent_action", "deny")),
    SignOutPage: (),
}


class _Document(HTMLParser):
    """Collects a document's forms, fields, and anything the content security policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str | None, str | None]] = []
        self.fields: set[tuple[str | None, str | None]] = set()
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.forms.append((found.get("method"), found.get("action")))
        if tag in ("input", "button", "select", "textarea"):
            self.fields |= {(found.get("name"), found.get("value")), (found.get("name"), None)}
        self.inline += [f"{tag} {name}" for name in found if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in found):
            self.inline.append(tag)


def check_pages(pages: Pages) -> tuple[str, ...]:
    """Return one sentence for each thing that *pages* leaves out or the content security policy would refuse.

    An empty tuple means that every form can do its work. Exceptions of the renderer pass through.

    .. versionadded:: 0.1
    """
    faults: list[str] = []
    for sample in sample_pages():
        document = _Document()
        document.feed(pages.render(sample.page, sample_view()))
        document.close()
        faults += [f"{sample.label}: {fault}" for fault in _faults(sample.page, document)]
    return tuple(faults)


def _faults(page: Page, document: _Document) -> list[str]:
    faults = [f"inline {what} is refused by the content security policy." for what in document.inline]
    if isinstance(page, (SignInPage, PasswordChangePage, ConsentPage, SignOutPage)):
        if ("post", page.action) not in document.forms:
            faults.append(f"no form with method=post posts to {page.action}.")
        wanted = (*page.hidden, *_FIELDS[type(page)])
        for name, value in wanted:
            if (name, value) not in document.fields:
                faults.append(f"the field {name} is missing." if value is None else f"{name}={value} is missing.")
    return faults

"""`JinjaPages`, the bundled `Pages` port: page models in, whole HTML documents out.

Every value is escaped, a missing variable is an error, and nothing is loaded from another host except logos an operator
or a client registered with an https address. Knows templates; knows nothing of requests, cookies or headers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined

from authority_core.kernel.pages import Asset, Page, View

from . import texts
from .assets import Assets


class JinjaPages:
    """Renders pages with Jinja2 and serves their static files.

    *templates_path* names a folder that is searched before the bundled templates, so a host replaces single files; a
    replacement may build on the original with `{% extends "bundled/sign_in.html" %}`. Instances share nothing and may
    be used from several threads.

    .. versionadded:: 0.1
    """

    def __init__(self, templates_path: str | os.PathLike[str] | None = None) -> None:
        self._assets = Assets()
        self._environment = _environment(templates_path)

    def render(self, page: Page, view: View) -> str:
        """Return the HTML document for *page*.

        Raises `jinja2.TemplateNotFound` for a page without template, `jinja2.UndefinedError` when a template names
        something its page does not have, and `ValueError` when the view's colour is not of the form `#rrggbb`.
        """
        template = self._environment.get_template(f"{page.name}.html")
        return template.render(
            page=page,
            view=view,
            static=self._static(view.base_path),
            theme_css=f"{view.base_path}/static/{self._assets.tinted('theme.css', view.primary_color)}",
            favicon=f"{view.base_path}/static/{self._assets.tinted('favicon.svg', view.primary_color)}",
        )

    def asset(self, path: str) -> Asset | None:
        """Return the static file at *path* below `/static/`, or nothing."""
        return self._assets.find(path)

    def _static(self, base_path: str) -> Callable[[str], str]:
        return lambda name: f"{base_path}/static/{self._assets.hashed(name)}"


def _environment(templates_path: str | os.PathLike[str] | None) -> Environment:
    bundled = PackageLoader("authority_pages")
    loaders: list[BaseLoader] = [bundled, PrefixLoader({"bundled": bundled})]
    if templates_path is not None:
        if not Path(templates_path).is_dir():
            raise NotADirectoryError(f"templates_path is not a folder: {os.fspath(templates_path)}")
        loaders.insert(0, FileSystemLoader(templates_path))
    environment = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=texts.tidy,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        exact=texts.exact,
        initial=texts.initial,
        tone=texts.tone,
        https_url=texts.https_url,
        host_url=texts.host_url,
        image_url=texts.image_url,
        direction=texts.direction,
        day=texts.day,
        day_and_time=texts.day_and_time,
    )
    return environment

"""Static files of the pages: looked up by name in the renderer's table, so no path leads anywhere else."""

from __future__ import annotations

from attrs import frozen

from .kernel.problems import refuse
from .kernel.requests import HttpRequest
from .kernel.responses import HttpResponse
from .kernel.show import Screen

PREFIX = "/static/"


@frozen(eq=False)
class StaticFiles:
    """`GET /static/…`."""

    screen: Screen

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the file, or 404."""
        asset = self.screen.asset(request.path.removeprefix(PREFIX))
        if asset is None:
            return self.screen.error(request, refuse("not_found", "There is nothing here."))
        if request.method != "GET":
            refusal = refuse("method_not_allowed", "The method is not allowed.")
            return self.screen.error(request, refusal, (("allow", "GET, HEAD"),))
        lifetime = "public, max-age=31536000, immutable" if asset.immutable else "public, max-age=3600"
        headers = (
            ("content-type", asset.content_type),
            ("cache-control", lifetime),
            ("x-content-type-options", "nosniff"),
        )
        return HttpResponse(200, headers, asset.body)

"""A Sphinx directive that puts a list of `tables.py` into a page: a fence named `{generated}` with `settings`,
`events` or `errors`."""

from __future__ import annotations

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from tables import TABLES, missing_meanings

logger = logging.getLogger(__name__)


class Generated(SphinxDirective):
    """Parse the lines as part of the page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the nodes of the list named by the argument."""
        name = self.arguments[0]
        if name == "errors" and (missing := missing_meanings()):
            logger.warning("docs/_ext/meanings.py lacks a sentence for: %s", ", ".join(missing))
        holder = nodes.section()
        holder.document = self.state.document
        self.state.nested_parse(StringList(TABLES[name](), source=f"<generated {name}>"), 0, holder, match_titles=True)
        return holder.children


def setup(app: Sphinx) -> dict[str, object]:
    """Make the directive known."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

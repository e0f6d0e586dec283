"""How the documentation is built; `nox -s docs` builds it with every warning an error."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Authority for Python"
author = "The Authority for Python authors"
copyright = author  # noqa: A001 - the name that Sphinx reads
version = release = metadata.version("authority-idp")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "images/README.md"]

myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3

default_role = "code"  # single backticks in docstrings are code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True

nitpicky = True
nitpick_ignore_regex = [
    # Types in signatures are linked when their page exists; those of Python and of others have no page here.
    (r"py:(class|data|obj|exc|meth|attr|func)", r".*"),
]

html_theme = "furo"
html_title = "Authority for Python"
html_static_path = ["_static"]
html_css_files = ["authority.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#6d28d9", "color-brand-content": "#6d28d9"},
    "dark_css_variables": {"color-brand-primary": "#a78bfa", "color-brand-content": "#a78bfa"},
}
pygments_style = "tango"
pygments_dark_style = "monokai"

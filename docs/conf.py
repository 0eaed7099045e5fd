"""How Sphinx turns docs/ into pages. `make docs` runs it with warnings as errors."""

from pushsvc import __version__

project = "pushsvc"
author = "pushsvc contributors"
copyright = author
version = release = __version__
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"pushsvc {release}"

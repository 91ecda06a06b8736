# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Settings of Sphinx for "make docs"."""

project = "asahi-async"
extensions = []
master_doc = "index"
html_theme = "alabaster"
html_copy_source = False
highlight_language = "none"

"""Sphinx: the documentation site, out of the Markdown files beside this one."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

import django
from django.conf import settings

project = "appwrite-orm-django"
author = "The appwrite-orm-django authors"
project_copyright = "The appwrite-orm-django authors. Appwrite is a trademark of its owners; this is an independent project"
version = release = installed_version("appwrite-orm-django")

sys.path.insert(0, str(Path(__file__).parent))
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "settings_table"]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_custom_sections = [("Class attributes", "params_style")]
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"appwrite-orm-django {version}"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["site.css"]

# Autodoc imports models, managers and admin classes, and those want settings.
APPS = ["admin", "auth", "contenttypes", "messages", "sessions"]
settings.configure(
    INSTALLED_APPS=[*(f"django.contrib.{name}" for name in APPS), "appwrite_orm_django"]
)
django.setup()

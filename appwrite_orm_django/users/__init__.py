"""Requests as the end user: ``accounts`` for a block of code, ``middleware`` for a site, ``reporting`` keeps tokens out of debug pages."""

"""
Make requests as the end user instead of with the API key.

``accounts`` does so for a block of code, ``middleware`` for a site; ``reporting`` keeps tokens out
of debug pages.
"""

"""The app that the tests of django-waffle ask for: models in place of its own, and views with flags."""

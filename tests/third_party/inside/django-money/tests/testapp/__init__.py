"""The app that the tests of django-money ask for: models, forms and an admin with sums of money."""

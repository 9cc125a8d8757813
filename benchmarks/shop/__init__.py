"""The Django app with the model that the other packages' contenders read."""

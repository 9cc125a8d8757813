"""The page about the engines has what their rules say."""

from docs import engines


def test_the_table_is_current():
    text = engines.PAGE.read_text()
    assert engines.table() in text, "run: python -m docs.engines"
    assert engines.page(text) == text

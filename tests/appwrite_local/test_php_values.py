"""Values that PHP takes for something else than Python does."""

import pytest

from tests.appwrite_local.api import ENDPOINT, Api


@pytest.mark.parametrize(
    ("address", "is_taken"),
    [
        ("x@[127.0.0.1]", True), ("x@[IPv6:::1]", True), ("x@[ipv6:2001:db8::1]", True), ("a.b+c@[10.0.0.255]", True),
        ("x@[127.0.0]", False), ("x@[::1]", False), ("x@[IPv6:127.0.0.1]", False), ("x@[]", False), ("x@127.0.0.1]", False),
        ("@[127.0.0.1]", False), ("x@@[127.0.0.1]", False),
    ],
)  # fmt: skip
def test_an_address_in_brackets_is_a_host_of_an_email(address: str, is_taken: bool) -> None:
    api = Api()
    rows = api.make_table(columns={"e": "email"})
    status, _ = api.post(rows, {"rowId": "a", "data": {"e": address}})
    assert status == (201 if is_taken else 400)
    api.close()


def test_an_integer_beyond_64_bits_is_a_float() -> None:
    api = Api()
    rows = api.make_table(columns={"f": "float"})
    for number, value in enumerate(
        (12345678901234567890, 12345678901234567890.0, -12345678901234567890)
    ):
        sign = -1 if value < 0 else 1
        made = api.made(rows, {"rowId": f"r{number}", "data": {"f": value}})
        assert made["f"] == sign * 1.2345678901234567e19
        assert isinstance(made["f"], float)
        assert api.get(f"{rows}/r{number}")[1]["f"] == sign * 1.2345678901235e19
    api.close()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param('{"rowId": "a", "data": {}}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"rowId": "a", "data": {}}', id="a mark before UTF-8"),
        pytest.param(b'{"rowId": "a", "data": {"s": "\xed\xa0\x80"}}', id="half a pair"),
        pytest.param(b'{"rowId": "a", "data": {"s": "\\ud800"}}', id="half a pair, escaped"),
    ],
)
def test_only_utf_8_is_json(body: bytes) -> None:
    """PHP reads nothing else, and a body that it cannot read is one without parameters."""
    api = Api()
    rows = api.make_table(columns={"s": "varchar"})
    headers = {"content-type": "application/json"}
    response = api.session.post(ENDPOINT + rows, data=body, headers=headers)
    assert (response.status_code, response.json()) == api.post(rows)
    api.close()

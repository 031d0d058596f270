from hpack.table import HeaderTable

from eco2_authz.http2.hpack.static_table import STATIC_TABLE


def test_the_table_is_that_of_the_appendix() -> None:
    assert HeaderTable.STATIC_TABLE == STATIC_TABLE

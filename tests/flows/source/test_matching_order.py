"""Which order of a report a study fulfils (SO.17)."""

import pytest

from drimbox.flows.source.matching_order import find_order
from drimbox.model.manifest import ImagingOrder
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid

HERE, THERE = Oid("1.2.3.1"), Oid("1.2.3.2")


def order(number: str | None, issuer: Oid | None = HERE, placer: str = "P1") -> ImagingOrder:
    return ImagingOrder(AccessionNumber(number, issuer) if number else None, placer)


ROWS = [
    pytest.param([order("A1")], ("A1", HERE), 0, id="number and issuer are the PACS's"),
    pytest.param([order("A1")], ("A1", None), 0, id="no issuer in the PACS, one with the number"),
    pytest.param([order("A1", None)], ("A1", None), 0, id="no issuer anywhere"),
    pytest.param([order("A2"), order("A1")], ("A1", HERE), 1, id="the second of two orders"),
    pytest.param([order("A2"), order("A1")], ("A1", None), 1, id="the second, no issuer in PACS"),
    pytest.param(
        [order("A1", THERE), order("A1", HERE)], ("A1", HERE), 1, id="one number, two issuers"
    ),
    pytest.param([order(" A1 ")], ("A1", HERE), 0, id="white space around"),
    pytest.param(
        [order("A1", placer="P1"), order("A1", placer="P2")], ("A1", HERE), 0, id="said twice"
    ),
    pytest.param([order("A1")], ("A2", HERE), None, id="another number"),
    pytest.param([order("A1")], ("A1", THERE), None, id="another issuer"),
    pytest.param([order("A1", None)], ("A1", HERE), None, id="only the PACS names an issuer"),
    pytest.param(
        [order("A1", THERE), order("A1", HERE)], ("A1", None), None, id="which of two issuers?"
    ),
    pytest.param([order("A1")], None, None, id="no accession number in the PACS"),
    pytest.param([order(None)], ("A1", HERE), None, id="an order without accession number"),
    pytest.param([], ("A1", HERE), None, id="no order at all"),
    pytest.param([order("01")], ("1", HERE), None, id="a leading zero is another number"),
]


@pytest.mark.requirement("SO.17")
@pytest.mark.requirement("SO.04")
@pytest.mark.parametrize(("orders", "in_pacs", "chosen"), ROWS)
def test_the_order_is_the_one_whose_number_and_issuer_are_the_pacs_s(
    orders: list[ImagingOrder], in_pacs: tuple[str, Oid | None] | None, chosen: int | None
) -> None:
    accession = AccessionNumber(*in_pacs) if in_pacs else None
    expected = None if chosen is None else orders[chosen]
    assert find_order(orders, accession) is expected

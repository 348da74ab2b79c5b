"""Which order of the report a study fulfils (SO.17): by accession number, within its issuer."""

from collections.abc import Sequence

from drimbox.model.manifest import ImagingOrder
from drimbox.model.study import AccessionNumber


def find_order(
    orders: Sequence[ImagingOrder], accession_number: AccessionNumber | None
) -> ImagingOrder | None:
    """Return the order whose accession number and issuer are the PACS's.

    When the PACS names no issuer, the only one with that number. None: the study must not be
    published.
    """
    if accession_number is None:
        return None
    numbered = [o for o in orders if o.accession_number is not None]
    same = [o for o in numbered if _number(o) == accession_number.value.strip()]
    if accession_number.issuer is not None:
        same = [o for o in same if _issuer(o) == accession_number.issuer]
    if len({_issuer(order) for order in same}) != 1:
        return None
    return same[0]


def _number(order: ImagingOrder) -> str | None:
    return order.accession_number.value.strip() if order.accession_number else None


def _issuer(order: ImagingOrder) -> str | None:
    return order.accession_number.issuer if order.accession_number else None

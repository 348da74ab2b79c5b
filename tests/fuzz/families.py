"""Every family of hostile inputs (R8), by name."""

from tests.fuzz.door_families import DOOR_FAMILIES
from tests.fuzz.octet_families import OCTET_FAMILIES
from tests.fuzz.text_families import TEXT_FAMILIES

FAMILIES = {one.name: one for one in (*OCTET_FAMILIES, *TEXT_FAMILIES, *DOOR_FAMILIES)}

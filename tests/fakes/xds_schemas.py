"""The published XML schemas of XDS.b, read from the samples beside the project."""

from pathlib import Path

from lxml import etree


class XdsSchemas:
    """Validates a body against the schema of its own namespace."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "xds" / "xsd-nist-v3"

    def faults(self, body: etree._Element, schema: str) -> list[str]:
        """Return what schema (a file name without .xsd) says against a copy of body."""
        validator = etree.XMLSchema(etree.parse(str(self._folder / f"{schema}.xsd")))
        validator.validate(etree.fromstring(etree.tostring(body)))
        return [str(entry.message) for entry in validator.error_log]

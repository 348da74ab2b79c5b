"""The whole demo network on loopback: services, PACS, two boxes, RIS, DPI; and its descriptor."""

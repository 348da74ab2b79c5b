"""The one base of our own canonical addresses: profiles, code systems, search parameters."""

CANONICAL = "https://drimbox.example/fhir"
ISSUE_SYSTEM = f"{CANONICAL}/CodeSystem/drimbox-issue"

"""One WADO-RS request of a peer box."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

ACCEPT_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'


@dataclass(frozen=True)
class PeerCall:
    """One WADO-RS request of a peer; a fault of it is put right by `replace`."""

    tls: ssl.SSLContext
    token: str | None = None
    kos: str | None = None
    study: str = "1.2.250.1.999.404"
    accept: str = "text/plain"

    @property
    def headers(self) -> Mapping[str, str]:
        headers = {"Accept": self.accept}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.kos is not None:
            headers["KOS-SOPInstanceUID"] = self.kos
        return headers

"""What FranceConnect+ sends to clients: a JWS ES256 nested in a JWE for the client's own key."""

import secrets
from collections.abc import Mapping
from typing import Any

from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, import_key

from drimbox.sandbox.openid_provider.keys import new_ec_key
from drimbox.sandbox.openid_provider.refusals import MachineRefused

ENCRYPTION_ALGORITHMS = ("RSA-OAEP", "RSA-OAEP-256", "ECDH-ES")
_ENCRYPTION = "A256GCM"


class SealedTokens:
    """Signs, then encrypts."""

    def __init__(self) -> None:
        self._key = new_ec_key(secrets.token_hex(8))

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def seal(self, claims: dict[str, Any], encryption_key: Mapping[str, str]) -> str:
        """Return the nested token for the holder of this public key.

        Raises:
            MachineRefused: the client published no usable key (server side misconfiguration).
        """
        signed = jwt.encode(
            {"alg": "ES256", "kid": self._key.kid}, claims, self._key, algorithms=["ES256"]
        )
        try:
            key = import_key(dict(encryption_key))
        except (JoseError, ValueError, TypeError) as error:
            raise MachineRefused("invalid_client", "no encryption key registered") from error
        default = "ECDH-ES" if isinstance(key, ECKey) else "RSA-OAEP-256"
        algorithm = str(encryption_key.get("alg", default))
        if algorithm not in ENCRYPTION_ALGORITHMS:
            raise MachineRefused("invalid_client", "encryption algorithm not supported")
        header = {"alg": algorithm, "enc": _ENCRYPTION, "cty": "JWT", "kid": key.kid}
        return jwe.encrypt_compact(
            header, signed, key, algorithms=[*ENCRYPTION_ALGORITHMS, _ENCRYPTION]
        )

    def read_signed(self, token: str) -> dict[str, Any]:
        """Return the claims of a decrypted id_token, given back as id_token_hint.

        Raises:
            MachineRefused: not one of ours.
        """
        try:
            return jwt.decode(token, self._key, algorithms=["ES256"]).claims
        except (JoseError, ValueError, TypeError):
            raise MachineRefused("invalid_request", "not an id_token of ours") from None

"""Tokens that no verifier may believe (row O1): made from one that it does believe.

Each entry of CORPUS takes a GoodToken and returns a compact string. All but a few keep the genuine
key and signature valid where that is possible, so that only the rule in question can refuse them.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.fakes.signing_keys import ec_key, rsa_key

Json = dict[str, Any]


@dataclass(frozen=True)
class GoodToken:
    """A header and claims that the verifier believes when signed by this key."""

    header: Json
    claims: Json
    key: ECKey | RSAKey

    def signed(self) -> str:
        return self.with_claims()

    def with_claims(self, **changes: object) -> str:
        claims = {k: v for k, v in (self.claims | changes).items() if v is not ...}
        return sign(self.header, json.dumps(claims), self.key)

    def with_header(self, **changes: object) -> str:
        header = {k: v for k, v in (self.header | changes).items() if v is not ...}
        return sign(header, json.dumps(self.claims), self.key)

    def with_payload(self, payload: str | bytes) -> str:
        return sign(self.header, payload, self.key)


def b64(octets: bytes | str) -> str:
    octets = octets.encode() if isinstance(octets, str) else octets
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sign(header: Json | str, payload: str | bytes, key: ECKey | RSAKey) -> str:
    """Sign whatever header and payload, with the algorithm the key is used with."""
    text = header if isinstance(header, str) else json.dumps(header)
    algorithm = {"EC P-256": "ES256", "EC P-384": "ES384"}.get(
        f"{key.key_type} {getattr(key, 'curve_name', '')}", "RS256"
    )
    signing_input = f"{b64(text)}.{b64(payload)}"
    model = jws.JWSRegistry.algorithms[algorithm]
    return f"{signing_input}.{b64(model.sign(signing_input.encode(), key))}"


def hmac_signed(header: Json, claims: Json, secret: bytes) -> str:
    signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims))}"
    return (
        f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"
    )


def _attacker(good: GoodToken) -> ECKey | RSAKey:
    if isinstance(good.key, RSAKey):
        return rsa_key("attacker")
    return ec_key("attacker", good.key.curve_name)


def _by_attacker(good: GoodToken, **header: object) -> str:
    return sign(good.header | header, json.dumps(good.claims), _attacker(good))


def _flip_payload(good: GoodToken) -> str:
    header, _, signature = good.signed().split(".")
    return f"{header}.{b64(json.dumps(good.claims | {'extra': 1}))}.{signature}"


def _encrypted(good: GoodToken, inner: str) -> str:
    header = {"alg": "dir", "enc": "A256GCM", "cty": "JWT", "kid": good.header["kid"]}
    return jwe.encrypt_compact(header, inner, OctKey.import_key(b"k" * 32))


def _twice(good: GoodToken, name: str) -> str:
    other = json.dumps(good.claims)[1:]
    return good.with_payload("{" + f'"{name}": "evil", ' + other)


def _header_twice(good: GoodToken) -> str:
    text = json.dumps(good.header)
    return sign('{"alg": "none", ' + text[1:], json.dumps(good.claims), good.key)


def _pem(good: GoodToken) -> bytes:
    return good.key.as_pem(private=False)


def _public_jwk(good: GoodToken) -> Json:
    return dict(_attacker(good).as_dict(private=False))


_NESTING = "[" * 3000 + "]" * 3000

CORPUS: dict[str, Callable[[GoodToken], str]] = {
    "alg none, no signature": lambda g: (
        f"{b64(json.dumps(g.header | {'alg': 'none'}))}.{b64(json.dumps(g.claims))}."
    ),
    "alg None in another case, with the genuine signature": lambda g: g.with_header(alg="NoNe"),
    "no alg": lambda g: g.with_header(alg=...),
    "alg is a list": lambda g: g.with_header(alg=[g.header["alg"]]),
    "HS256 keyed by our public PEM": lambda g: hmac_signed(
        g.header | {"alg": "HS256"}, g.claims, _pem(g)
    ),
    "HS256 keyed by nothing": lambda g: hmac_signed(g.header | {"alg": "HS256"}, g.claims, b""),
    "signed by an unknown key under our kid": _by_attacker,
    "jwk: brings its own key": lambda g: _by_attacker(g, jwk=_public_jwk(g)),
    "jwk: beside the genuine signature": lambda g: g.with_header(jwk=_public_jwk(g)),
    "jku: tells where its key is": lambda g: g.with_header(jku="https://evil.test/jwks"),
    "x5u: tells where its certificate is": lambda g: g.with_header(x5u="https://evil.test/c.pem"),
    "crit: an unknown extension": lambda g: g.with_header(crit=["exp-2"], **{"exp-2": 1}),
    "crit: empty": lambda g: g.with_header(crit=[]),
    "b64=false": lambda g: g.with_header(b64=False, crit=["b64"]),
    "zip in a JWS": lambda g: g.with_header(zip="DEF"),
    "JWE instead of JWS": lambda g: _encrypted(g, json.dumps(g.claims)),
    "nested: JWS inside JWE": lambda g: _encrypted(g, g.signed()),
    "nested: JWS inside JWS": lambda g: sign(g.header | {"cty": "JWT"}, g.signed(), g.key),
    "iss twice": lambda g: _twice(g, "iss"),
    "aud twice": lambda g: _twice(g, "aud"),
    "alg twice in the header": _header_twice,
    "another iss": lambda g: g.with_claims(iss="https://evil.test"),
    "iss with a slash more": lambda g: g.with_claims(iss=f"{g.claims['iss']}/"),
    "no iss": lambda g: g.with_claims(iss=...),
    "another aud": lambda g: g.with_claims(aud="https://evil.test"),
    "our aud as a prefix": lambda g: g.with_claims(aud=f"{g.claims['aud']}.evil.test"),
    "no aud": lambda g: g.with_claims(aud=...),
    "expired": lambda g: g.with_claims(exp=g.claims["iat"] - 61, iat=g.claims["iat"] - 300),
    "no exp": lambda g: g.with_claims(exp=...),
    "exp is a string": lambda g: g.with_claims(exp=str(g.claims["exp"])),
    "exp is true": lambda g: g.with_claims(exp=True),
    "exp beyond any date": lambda g: g.with_claims(exp=10**30),
    "not yet valid": lambda g: g.with_claims(nbf=g.claims["iat"] + 120),
    "issued in the future": lambda g: g.with_claims(iat=g.claims["iat"] + 120),
    "typ of another kind of token": lambda g: g.with_header(typ="logout+jwt"),
    "unknown kid": lambda g: g.with_header(kid="nobody"),
    "kid that looks like SQL": lambda g: g.with_header(kid="x' OR '1'='1"),
    "kid is an object": lambda g: g.with_header(kid={"a": 1}),
    "claims are a list": lambda g: g.with_payload(json.dumps([g.claims])),
    "claims are no JSON": lambda g: g.with_payload(b"\xff\xfe{}"),
    "NaN among the claims": lambda g: g.with_payload(json.dumps(g.claims | {"exp": float("nan")})),
    "claims nested beyond reason": lambda g: g.with_payload(_NESTING),
    "a payload changed after signature": _flip_payload,
    "signature cut off": lambda g: g.signed().rpartition(".")[0] + ".",
    "signature of one octet": lambda g: g.signed().rpartition(".")[0] + ".AA",
    "JSON serialization": lambda g: json.dumps({"payload": g.signed().split(".")[1]}),
    "ten megabytes": lambda g: g.with_claims(padding="x" * 10_000_000),
    "empty": lambda _: "",
    "dots": lambda _: "..",
}

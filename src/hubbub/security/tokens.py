"""Signed tokens: JWT with HMAC-SHA-256 (RFC 7519, RFC 8725), for this server alone.

Issuer and verifier are the same, so the header of a token is *compared*, not interpreted: it must be, byte for byte,
the one that this server writes for one of its keys. `alg: none`, another algorithm or type, an unknown key, or a header
that means mischief are thus refused before a byte of what a stranger sent is parsed.
"""

from collections.abc import Mapping, Sequence

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from hubbub.domain.errors import TokenExpired, Unauthenticated
from hubbub.domain.ids import Millis
from hubbub.security.keys import SigningKey
from hubbub.services.ports import Clock

ISSUER = "hubbub"
MAX_TOKEN = 4096  # characters
CACHE_SIZE = 4096  # tokens; about 4 MB

_REGISTRY = JWSRegistry(algorithms=["HS256"])


class JwtTokens:
    """Implements `ports.Tokens`. The purpose is the audience, `aud`. Verified tokens are remembered until they expire.

    Called on the event loop alone. The remembered ones are found by a keyed hash of the whole token (SipHash): how long
    that takes tells nothing about any other token.
    """

    def __init__(self, keys: Sequence[SigningKey], clock: Clock, *, cache_size: int = CACHE_SIZE) -> None:
        self._header = _header(keys[0])
        self._key = _oct_key(keys[0])
        self._keys = {_segment(key): _oct_key(key) for key in keys}
        self._clock = clock
        self._cache_size = cache_size
        self._verified: dict[tuple[str, str], dict[str, int | str]] = {}  # the oldest first

    def sign(self, purpose: str, claims: Mapping[str, int | str], expires_at: Millis) -> str:
        # Down to the second: a token may end a little before what was said, never after.
        signed = {**claims, "iss": ISSUER, "aud": purpose, "exp": expires_at // 1000}
        return jwt.encode(self._header, signed, self._key, registry=_REGISTRY)

    def verify(self, purpose: str, token: object) -> dict[str, int | str]:
        if not isinstance(token, str) or len(token) > MAX_TOKEN:
            raise _invalid()
        claims = self._verified.get((purpose, token)) or self._check(purpose, token)
        if int(claims["exp"]) * 1000 <= self._clock.now():
            self._verified.pop((purpose, token), None)
            raise TokenExpired("this token has expired")
        self._verified[purpose, token] = claims
        if len(self._verified) > self._cache_size:
            del self._verified[next(iter(self._verified))]
        return dict(claims)

    def _check(self, purpose: str, token: str) -> dict[str, int | str]:
        """The claims of a token that this server signed for this purpose, whether it has expired or not."""
        key = self._keys.get(token.partition(".")[0])
        if key is None or not token.isascii():
            raise _invalid()
        try:
            claims = jwt.decode(token, key, registry=_REGISTRY).claims
        except JoseError:
            raise _invalid() from None
        match claims:
            case {"iss": str(issuer), "aud": str(audience), "exp": int()} if (issuer, audience) == (ISSUER, purpose):
                return claims
        raise _invalid()


def _invalid() -> Unauthenticated:
    return Unauthenticated("this is not a valid token")


def _header(key: SigningKey) -> dict[str, str]:
    return {"typ": "JWT", "alg": "HS256", "kid": key.kid}


def _oct_key(key: SigningKey) -> OctKey:
    imported: OctKey = OctKey.import_key(key.secret)
    return imported


def _segment(key: SigningKey) -> str:
    """The first part of every token that this key signs."""
    return jwt.encode(_header(key), {}, _oct_key(key), registry=_REGISTRY).partition(".")[0]

"""JwtTokens: what it signs, and everything that it refuses."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

from hubbub.domain.errors import TokenExpired, Unauthenticated
from hubbub.domain.ids import Millis
from hubbub.security.keys import parse_keys
from hubbub.security.tokens import MAX_TOKEN, JwtTokens
from tests.clocks import ManualClock

OLD, NEW = "o" * 32, "n" * 32
(KEY,) = parse_keys(NEW)
HEADER = {"typ": "JWT", "alg": "HS256", "kid": KEY.kid}
CLAIMS: Mapping[str, object] = {"sid": 7, "iss": "hubbub", "aud": "access", "exp": 1_800_000_900}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tokens(clock: ManualClock) -> JwtTokens:
    return JwtTokens(parse_keys(NEW), clock)


def after(clock: ManualClock, seconds: float) -> Millis:
    return Millis(clock.now() + round(seconds * 1000))


def segment(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def forged(header: Mapping[str, object], claims: object = CLAIMS, secret: str = NEW) -> str:
    """A token with any header and claims, whose signature is right for this secret."""
    signed = f"{segment(header)}.{segment(claims)}"
    signature = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_what_was_signed_comes_back_with_the_time_of_its_end(tokens: JwtTokens, clock: ManualClock) -> None:
    token = tokens.sign("access", {"sid": 7, "sub": "3"}, after(clock, 900))
    expected = {"sid": 7, "sub": "3", "iss": "hubbub", "aud": "access", "exp": 1_800_000_900}
    assert tokens.verify("access", token) == expected
    assert tokens.verify("access", token) == expected  # from memory


def test_the_form_of_a_token_is_the_same_in_every_release(tokens: JwtTokens) -> None:
    """A token that an earlier release signed has to be good for this one: nobody is signed out by an update."""
    assert forged(HEADER) == tokens.sign("access", {"sid": 7}, Millis(1_800_000_900_000))


def test_what_comes_back_is_the_callers_own(tokens: JwtTokens, clock: ManualClock) -> None:
    token = tokens.sign("access", {"sid": 7}, after(clock, 900))
    tokens.verify("access", token)["sid"] = 8
    assert tokens.verify("access", token)["sid"] == 7


def test_claims_cannot_take_the_place_of_what_the_server_says(tokens: JwtTokens, clock: ManualClock) -> None:
    token = tokens.sign("refresh", {"aud": "access", "exp": 2**40, "iss": "else"}, after(clock, 900))
    assert tokens.verify("refresh", token) == {"iss": "hubbub", "aud": "refresh", "exp": 1_800_000_900}


@pytest.mark.parametrize("said", [900.0, 899.001, 899.999])
@pytest.mark.parametrize("remembered", [False, True])
def test_a_token_is_never_valid_longer_than_said(
    tokens: JwtTokens, clock: ManualClock, said: float, remembered: bool
) -> None:
    token = tokens.sign("access", {"sid": 7}, after(clock, said))
    clock.advance(int(said) - 0.001)
    if remembered:
        tokens.verify("access", token)
    clock.advance(0.001)
    for _ in range(2):
        with pytest.raises(TokenExpired):
            tokens.verify("access", token)


def test_a_token_of_one_purpose_is_not_valid_for_another(tokens: JwtTokens, clock: ManualClock) -> None:
    token = tokens.sign("refresh", {"sid": 7}, after(clock, 900))
    tokens.verify("refresh", token)
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify("access", token)
    assert refused.type is Unauthenticated


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "HS384"},
        {**HEADER, "alg": "RS256"},
        {**HEADER, "typ": "at+jwt"},
        {**HEADER, "kid": "0" * 16},
        {**HEADER, "kid": None},
        {**HEADER, "crit": 5},
        {**HEADER, "b64": False, "crit": ["b64"]},
        {**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}},
        {"alg": "HS256", "typ": "JWT"},
        {"alg": "HS256", "kid": KEY.kid},
        {},
    ],
    ids=str,
)
def test_another_header_is_refused_although_the_signature_is_right(
    tokens: JwtTokens, header: dict[str, object]
) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify("access", forged(header))


def test_no_signature_and_a_foreign_signature_are_refused(tokens: JwtTokens) -> None:
    good = forged(HEADER)
    assert tokens.verify("access", good)
    signed = good.rpartition(".")[0]
    none = forged({**HEADER, "alg": "none"}).rpartition(".")[0]
    rsa = jwt.encode({"alg": "RS256", "kid": KEY.kid}, dict(CLAIMS), RSAKey.generate_key(2048))
    for bad in (signed, f"{signed}.", f"{none}.", rsa, forged(HEADER, secret=OLD), good[:-1], good + "A", good + "."):
        with pytest.raises(Unauthenticated):
            tokens.verify("access", bad)


@pytest.mark.parametrize(
    "claims",
    [
        {key: value for key, value in CLAIMS.items() if key != "exp"},
        {key: value for key, value in CLAIMS.items() if key != "iss"},
        {key: value for key, value in CLAIMS.items() if key != "aud"},
        {**CLAIMS, "exp": None},
        {**CLAIMS, "exp": "1800000900"},
        {**CLAIMS, "exp": 1.8e9},
        {**CLAIMS, "exp": float("nan")},
        {**CLAIMS, "exp": float("inf")},
        {**CLAIMS, "exp": [1_800_000_900]},
        {**CLAIMS, "iss": "another"},
        {**CLAIMS, "aud": ["access"]},
        {**CLAIMS, "aud": "refresh"},
        [],
        "text",
        None,
    ],
    ids=str,
)
def test_garbage_in_the_claims_is_refused_although_the_signature_is_right(tokens: JwtTokens, claims: object) -> None:
    with pytest.raises(Unauthenticated) as refused:
        tokens.verify("access", forged(HEADER, claims))
    assert refused.type is Unauthenticated


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "\x00",
        "ä.ö.ü",
        "\ud800",
        "[" * 2000,
        "A" * (MAX_TOKEN + 1),
        None,
        5,
        b"a.b.c",
        [],
    ],
    ids=lambda token: repr(token)[:20],
)
def test_what_is_no_token_is_refused(tokens: JwtTokens, token: object) -> None:
    with pytest.raises(Unauthenticated):
        tokens.verify("access", token)


def test_the_known_header_alone_makes_no_token(tokens: JwtTokens) -> None:
    header = segment(HEADER)
    for rest in ("", ".", "..", ".ä.ö", ".\ud800.", ".a.b", ".A.A", f".{segment(CLAIMS)}.!"):
        with pytest.raises(Unauthenticated):
            tokens.verify("access", header + rest)


def test_a_signed_token_of_more_than_4_kib_is_refused(tokens: JwtTokens) -> None:
    token = forged(HEADER, {**CLAIMS, "pad": "x" * 3000})
    assert len(token) > MAX_TOKEN
    with pytest.raises(Unauthenticated):
        tokens.verify("access", token)


def test_the_newest_key_signs_and_all_verify(clock: ManualClock) -> None:
    before = JwtTokens(parse_keys(OLD), clock)
    during = JwtTokens(parse_keys(f"{NEW} {OLD}"), clock)
    later = JwtTokens(parse_keys(NEW), clock)
    old, new = (tokens.sign("access", {"sid": 7}, after(clock, 900)) for tokens in (before, during))
    assert during.verify("access", old) == during.verify("access", new) == later.verify("access", new)
    for tokens, token in ((later, old), (before, new)):
        with pytest.raises(Unauthenticated):
            tokens.verify("access", token)


def test_a_verified_token_is_not_verified_again_until_it_is_pushed_out(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []
    decode = jwt.decode

    def counted(token: str, key: OctKey, registry: JWSRegistry) -> jwt.Token:
        decoded.append(token)
        return decode(token, key, registry=registry)

    monkeypatch.setattr(jwt, "decode", counted)
    tokens = JwtTokens(parse_keys(NEW), clock, cache_size=2)
    first, second, third = (tokens.sign("access", {"sid": sid}, after(clock, 900)) for sid in (1, 2, 3))
    for token in (first, first, second, first, third, first):
        tokens.verify("access", token)
    assert decoded == [first, second, third, first]


def test_an_expired_or_refused_token_pushes_nothing_out(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = JwtTokens(parse_keys(NEW), clock, cache_size=1)
    good = tokens.sign("access", {"sid": 1}, after(clock, 900))
    late = tokens.sign("access", {"sid": 2}, after(clock, -1))
    tokens.verify("access", good)
    for bad in (late, "a.b.c"):
        with pytest.raises(Unauthenticated):
            tokens.verify("access", bad)
    monkeypatch.delattr(jwt, "decode")
    assert tokens.verify("access", good)["sid"] == 1


def test_no_error_and_no_repr_holds_a_token_or_a_key(tokens: JwtTokens, clock: ManualClock) -> None:
    late = tokens.sign("access", {"sid": 7}, after(clock, -1))
    for token in (late, forged(HEADER, secret=OLD), "swordfish"):
        with pytest.raises(Unauthenticated) as refused:
            tokens.verify("access", token)
        assert token not in str(refused.value)
        assert refused.value.__cause__ is None
    assert NEW not in repr(tokens)

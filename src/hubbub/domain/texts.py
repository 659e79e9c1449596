"""The rules for everything that people type: bounds and forbidden characters.

Text is kept exactly as it was sent. It is never normalised, so that NFC and NFD both come back as they went in; what
would make a terminal, a log or an encoder misbehave is refused with an error that names the field.
"""

import re
import unicodedata

from hubbub.domain.errors import Invalid, TooLarge

MAX_TEXT = 16 * 1024  # bytes of UTF-8 in a message
MAX_NAME = 80  # characters in the name of a room, or of a person
MAX_TOPIC = 500  # characters
MAX_CLIENT_ID = 64  # characters
MIN_ATTEMPT, MAX_ATTEMPT = 16, 64  # characters
MAX_QUERY = 200  # characters
MAX_EMAIL = 254  # characters (RFC 5321 4.5.3.1.3, less the brackets)
MAX_MARKS = 8  # combining marks in a row in a name: more of them cover the lines around it
MIN_USERNAME, MAX_USERNAME = 2, 32  # characters
MIN_PASSWORD, MAX_PASSWORD = 8, 256  # characters

# C0 without tab and line feed, DEL, C1, and surrogates: half a character that no UTF-8 encoder accepts.
_FORBIDDEN_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# In one-line names also tab and line feed, the line separators, and the invisible controls that reorder or hide the
# text around them: with these one name can be made to look like another (Unicode Technical Report 36, 2.10).
_FORBIDDEN_IN_NAME = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
# What Unicode calls Default_Ignorable_Code_Point, which is shown as nothing at all, interlinear marks, Braille blank.
_INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_SHOWN = re.compile(rf"[^\s{_INVISIBLE}]")
# Persian, the scripts of India and emoji need the joiners, and emoji the selectors of how they are shown.
_NEEDED = "\u200c\u200d\ufe0e\ufe0f"
_HIDDEN_IN_NAME = re.compile(rf"(?![{_NEEDED}])[{_INVISIBLE}]")
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ATTEMPT = re.compile(rf"[A-Za-z0-9_-]{{{MIN_ATTEMPT},{MAX_ATTEMPT}}}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")


def check_text(text: str, *, field: str = "text") -> str:
    """The text of a message: 1 to 16,384 bytes of UTF-8, not blank, no control characters but tab and line feed.

    Blank is also what has nothing but invisible characters.
    """
    # A character takes four bytes at the most, so that short texts need not be encoded to be measured.
    if len(text) > MAX_TEXT or (len(text) * 4 > MAX_TEXT and len(text.encode("utf-8", "surrogatepass")) > MAX_TEXT):
        raise TooLarge(f"{field} may have at most {MAX_TEXT} bytes of UTF-8", field=field)
    if not _SHOWN.search(text):
        raise Invalid(f"{field} must not be empty", field=field)
    _refuse(_FORBIDDEN_IN_TEXT, text, field)
    return text


def check_name(name: str, *, field: str = "name") -> str:
    """The name of a room or a person: 1 to 80 characters on one line, without white space at its ends.

    Something of it must be visible, and little may be invisible: names that look the same should be the same.
    """
    _one_line(name, field, 1, MAX_NAME)
    if name.isascii():
        return name
    _refuse(_HIDDEN_IN_NAME, name, field)
    shown = [character for character in name if character not in _NEEDED]
    marks = [unicodedata.category(character).startswith("M") for character in shown]
    if all(mark or character.isspace() for mark, character in zip(marks, shown, strict=True)):
        raise Invalid(f"{field} must have at least one visible character", field=field)
    if any(all(marks[start : start + MAX_MARKS + 1]) for start in range(len(marks) - MAX_MARKS)):
        raise Invalid(f"{field} may have at most {MAX_MARKS} combining marks in a row", field=field)
    return name


def check_topic(topic: str, *, field: str = "topic") -> str:
    """The topic of a room: at most 500 characters on one line; empty means none."""
    return _one_line(topic, field, 0, MAX_TOPIC)


def check_client_id(client_id: str, *, field: str = "client_id") -> str:
    """The author's own name for a message: 1 to 64 characters."""
    if not 1 <= len(client_id) <= MAX_CLIENT_ID:
        raise Invalid(f"{field} must have 1 to {MAX_CLIENT_ID} characters", field=field)
    _refuse(_FORBIDDEN_IN_NAME, client_id, field)
    return client_id


def check_attempt(attempt: str, *, field: str = "attempt") -> str:
    """A client's own word for one refresh: 16 to 64 of A-Z a-z 0-9 _ -"""
    if not _ATTEMPT.fullmatch(attempt):
        raise Invalid(f"{field} must have {MIN_ATTEMPT} to {MAX_ATTEMPT} characters of A-Z a-z 0-9 _ -", field=field)
    return attempt


def check_query(query: str, *, field: str = "q") -> str:
    """What somebody looks for: at most 200 characters on one line; empty means everything."""
    if len(query) > MAX_QUERY:
        raise Invalid(f"{field} may have at most {MAX_QUERY} characters", field=field)
    _refuse(_FORBIDDEN_IN_NAME, query, field)
    return query


def check_username(username: str, *, field: str = "username") -> str:
    """What people sign in with and mention each other by: 2 to 32 of A-Z a-z 0-9 . _ - and a letter or digit first.

    Two usernames that differ in case alone are the same. Other scripts belong into the display name, where two letters
    that look alike cannot be used to pass for somebody else.
    """
    if not MIN_USERNAME <= len(username) <= MAX_USERNAME or not _USERNAME.fullmatch(username):
        raise Invalid(
            f"{field} must have {MIN_USERNAME} to {MAX_USERNAME} characters out of A-Z a-z 0-9 . _ - "
            "and begin with a letter or a digit",
            field=field,
        )
    return username


def check_email(email: str, *, field: str = "email") -> str:
    """An address with one @ and no white space, at most 254 characters. Only a delivered mail could prove more."""
    _refuse(_FORBIDDEN_IN_NAME, email, field)
    if len(email) > MAX_EMAIL or not _EMAIL.fullmatch(email):
        raise Invalid(f"{field} must be an e-mail address", field=field)
    return email


def check_password(password: str, *, field: str = "password") -> str:
    """8 to 256 characters of any kind (NIST SP 800-63B 5.1.1.2: length, not composition)."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(f"{field} must have {MIN_PASSWORD} to {MAX_PASSWORD} characters", field=field)
    try:
        password.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{field} holds half a character (a lone surrogate)", field=field) from None
    return password


def _one_line(value: str, field: str, least: int, most: int) -> str:
    if not least <= len(value) <= most:
        raise Invalid(f"{field} must have {least} to {most} characters", field=field)
    _refuse(_FORBIDDEN_IN_NAME, value, field)
    if value != value.strip():
        raise Invalid(f"{field} must not begin or end with white space", field=field)
    return value


def _refuse(pattern: re.Pattern[str], value: str, field: str) -> None:
    found = pattern.search(value)
    if found:
        raise Invalid(f"{field} holds the forbidden character U+{ord(found[0]):04X}", field=field)

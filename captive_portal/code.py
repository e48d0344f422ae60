"""What a voucher looks like: `K7Q2M-9XW4T-R3HDB`, 70 random bits and a check character.

Fourteen characters of Crockford's alphabet (no I, L, O, U) at 5 bits each, and a fifteenth that is a weighted sum over
GF(32): it tells every single wrong character and every swap of two, so that a slip of the finger is answered with
"check what you typed" and costs no attempt.
"""

from __future__ import annotations

import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM = 14
GROUP = 5
BITS = RANDOM * 5
POLYNOMIAL = 0b100101  # x^5 + x^2 + 1, primitive: x generates all 31 elements
LONGEST_TYPED = 64
_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}
_ALIKE = str.maketrans("OIL", "011")


def fresh() -> str:
    """Return a new code without its hyphens."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return letters + check(letters)


def check(letters: str) -> str:
    """Return the check character of the first fourteen."""
    total = 0
    for letter in letters:
        total = _times_x(total ^ _VALUE[letter])
    return ALPHABET[total]


def shown(code: str) -> str:
    """Return the code in groups of five."""
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def typed(text: str) -> str | None:
    """Return the code that was meant, or None when it cannot be one: wrong length, letter or check character."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TYPED]).upper().translate(_ALIKE)
    letters = "".join(letter for letter in folded if letter.isalnum())
    if len(letters) != RANDOM + 1 or any(letter not in _VALUE for letter in letters):
        return None
    return letters if check(letters[:RANDOM]) == letters[RANDOM] else None


def _times_x(value: int) -> int:
    value <<= 1
    return value ^ POLYNOMIAL if value & 32 else value

"""Whether a text is a credential: by its format, by the name that it goes under, or by its randomness.

Hashes, digests, UUIDs, addresses, references and names are not. Nothing here returns or raises the text itself.
"""

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from cnai.policy.values import is_secret

FORMATS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
    "a GitLab token": re.compile(r"\bgl(?:pat|dt|rt|cbt)-[A-Za-z0-9_-]{20,}"),
    "a Slack token": re.compile(
        r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/\w+"
    ),
    "a Google API key": re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b|\bGOCSPX-[A-Za-z0-9_-]{20,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "an API key": re.compile(
        r"\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{32,}|\b[rs]k_live_[A-Za-z0-9]{20,}|\bSG\.[\w-]{20,}\.[\w-]{40,}"
    ),
    "an NVIDIA API key": re.compile(r"\bnvapi-[A-Za-z0-9_-]{40,}"),
    "a registry token": re.compile(
        r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgEI[\w-]{50,}"
    ),
    "a Vault token": re.compile(r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    "a Databricks token": re.compile(r"\bdapi[0-9a-f]{32}\b"),
    "an Azure storage key": re.compile(r"\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"),
    "an authorization header": re.compile(r"^(?:Bearer|Basic) +[A-Za-z0-9+/_.-]{16,}=*$"),
}
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@")
_REFERENCE = re.compile(
    r"^\s*$|\$[({]|^\{\{|^<.*>$|^\[.*\]$|^[*x]+$|^(?:changeme|redacted|none|null|true|false)$", re.I
)
_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:(PASSWORD|PASSWD|PASSPHRASE|PWD|PASS)|TOKEN|SECRET|API_?KEY|SECRET_?KEY|ACCESS_?KEY|AUTH_?KEY"
    r"|PRIVATE_?KEY|ENCRYPTION_?KEY|SIGNING_?KEY|LICENSE_?KEY|CREDENTIALS?|CONN(?:ECTION)?_?STRING)[0-9]*$",
    re.I,
)
_NOT_SECRET_NAME = re.compile(
    r"PUBLIC|CERT|(?:^|_)CA(?:_|$)|BUNDLE|HASH|DIGEST|CHECKSUM|SHA|UUID|FINGERPRINT|COMMIT|ETAG|VERSION|REVISION|MAX_|NUM_|_ID$"
    r"|KEY_NAME|IMAGE",
    re.I,
)
_PLACE = re.compile(
    r"^(?:[./~]|[a-z][a-z0-9+.-]*:/|(?:vault|ref|env|file|ssm|arn|op|sops):)|^[\w.-]+:\d+$"
    r"|^[\w.-]+(?:/[\w.-]+)+(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?$",
    re.I,
)
_WORDS = re.compile(r"^[A-Za-z]{0,14}(?:[-_. ][A-Za-z]{0,14}[0-9]{0,2})*$")
_HASH = re.compile(r"^(?:[A-Za-z0-9]+[-:])?(?:[0-9a-fA-F-]+|[0-9a-fA-F:]+)$|^sha(?:256|384|512)[-:]|^\$2[aby]\$")
_OPAQUE = re.compile(r"^[A-Za-z0-9+/_-]{20,}={0,2}$")
_PEM = "LS0tLS1CRUdJTi"
"""What `-----BEGIN ` is in base64."""


def credential(text: str, name: str = "") -> str | None:
    """What a text is, such as `a GitHub token`; None if it does not look like a credential."""
    return formatted(text) or _named(text, name) or _random(text, name)


def formatted(text: str) -> str | None:
    """By formats that leave no doubt, passwords in addresses, and what Pulumi says of it."""
    if is_secret(text):
        return "what Pulumi keeps secret"
    for words, pattern in FORMATS.items():
        if pattern.search(text):
            return words
    password = _URL_PASSWORD.search(text)
    if password and not _REFERENCE.search(password[1]):
        return "a URL with a password in it"
    if text.startswith(_PEM) and _decoded(text).find(b"PRIVATE KEY") > 0:
        return "a private key"
    return None


def _named(text: str, name: str) -> str | None:
    """What is called a secret is one, unless it plainly refers to one or is the name of an object."""
    called = _SECRET_NAME.search(name)
    if not called or _NOT_SECRET_NAME.search(name) or _REFERENCE.search(text) or _PLACE.search(text):
        return None
    if called[1]:
        return "a password"
    if len(text) < 8 or text.isdigit() or _WORDS.match(text):
        return None
    return "a secret, by its name"


def _random(text: str, name: str) -> str | None:
    if not _OPAQUE.match(text) or _NOT_SECRET_NAME.search(name) or _HASH.match(text) or text.startswith("LS0t"):
        return None
    kinds = [_kind(each) for each in text.rstrip("=")]
    if not {"lower", "upper", "digit"} <= set(kinds) or text.count("/") > 2:
        return None
    # Names change from one kind of letter to the next once a word; random text does at every other letter.
    changes = sum(one != other for one, other in pairwise(kinds)) / len(kinds)
    return "random text that looks like a key or token" if changes >= 0.4 and entropy(text) >= 3.7 else None


def _kind(letter: str) -> str:
    return "digit" if letter.isdigit() else "upper" if letter.isupper() else "lower" if letter.islower() else "other"


def entropy(text: str) -> float:
    """Bits for each letter, by how often each one occurs."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values()) if size else 0.0


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""

"""Names that all of Azure shares."""

import hashlib
import re


def global_name(environment: str, subscription_id: str, most: int = 24) -> str:
    """Lower-case letters and digits, the same at each run; the suffix makes it globally unique."""
    digest = hashlib.sha256(f"{subscription_id}/{environment}".encode()).hexdigest()[:8]
    return f"cnai{re.sub(r'[^a-z0-9]', '', environment)}"[: most - len(digest)] + digest

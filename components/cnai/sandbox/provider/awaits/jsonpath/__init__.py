"""JSONPath as RFC 9535 has it, which is what the official provider's `pulumi.com/waitFor` is written in.

The Python packages that implement the RFC resolve `$` wrongly in a filter within a filter, where waiting for a status
of the present generation needs it.
"""

from cnai.sandbox.provider.awaits.jsonpath.parsing import JsonPathError, parse
from cnai.sandbox.provider.awaits.jsonpath.selecting import select
from cnai.sandbox.provider.awaits.jsonpath.syntax import Query

__all__ = ["JsonPathError", "Query", "parse", "select"]

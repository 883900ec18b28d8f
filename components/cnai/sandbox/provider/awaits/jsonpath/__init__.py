"""JSONPath as RFC 9535 has it, which is what the official provider's `pulumi.com/waitFor` is written in.

What that provider's parser does not take of it is refused here too: what passes here is to pass there. The Python
packages that implement the RFC resolve `$` wrongly in a filter within a filter, which waiting for a status of the
present generation needs.
"""

from cnai.sandbox.provider.awaits.jsonpath.parsing import parse
from cnai.sandbox.provider.awaits.jsonpath.reading import JsonPathError
from cnai.sandbox.provider.awaits.jsonpath.selecting import select
from cnai.sandbox.provider.awaits.jsonpath.syntax import Query

__all__ = ["JsonPathError", "Query", "parse", "select"]

"""A restarted moto filled with what the records say exists, the oldest first, under the same ids."""

from cnai.plugin.errors import ProviderError
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.moto.calls import Calls, forget
from cnai.sandbox.cloud.moto.handler import with_tags
from cnai.sandbox.cloud.moto.registry import HANDLERS


def refill(account: Account, port: int) -> None:
    forget()
    for record in account.store.all():
        if record.how != "moto":
            continue
        handler, calls = HANDLERS[record.token], Calls(port, record.region, record.seed)
        try:
            made = handler.make(calls, with_tags(account, {**record.inputs, "__restored": record.outputs}))
        except ProviderError as error:
            raise ProviderError(
                f"moto was restarted, and does not take {record.id} again: {error.message} "
                f"(`./cnai sandbox delete {account.sandbox.env}` starts from nothing)"
            ) from error
        if made.id and made.id != record.id:
            raise ProviderError(f"moto was restarted, and {record.id} became {made.id}: nothing can rely on that")

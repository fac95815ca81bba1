"""How Schemathesis writes a batch, which is any text; it loads this by SCHEMATHESIS_HOOKS."""

from typing import Any

import schemathesis

from flk.model.flow.answers import BATCH_PATH
from flk.model.flow.batch import MEDIA_TYPE


@schemathesis.serializer(MEDIA_TYPE)
def lines(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """The body."""
    del ctx
    return str(value).encode(errors="surrogatepass")


@schemathesis.hook
def filter_body(ctx: schemathesis.HookContext, body: Any) -> bool:
    """What is no text is no body of a batch that could be sent: written as one it would be lines like others."""
    return isinstance(body, str) or ctx.operation is None or ctx.operation.path != BATCH_PATH

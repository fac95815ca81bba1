"""How Schemathesis writes a batch, which is any text that is not empty; it loads this by SCHEMATHESIS_HOOKS."""

from typing import Any

import schemathesis

from flk.model.flow.batch import MEDIA_TYPE


@schemathesis.serializer(MEDIA_TYPE)
def lines(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """The body. What is no text cannot be sent as one: written as JSON it would be a line like others. So it is sent as nothing."""
    del ctx
    return value.encode(errors="surrogatepass") if isinstance(value, str) else b""

"""The client: a pure core (`core.Core`), an asyncio shell around it (`connect`, `Cell`), and a twin of that without async (`sync`)."""

"""The server: OpenAI's protocol, KServe's, health and metrics over one engine."""

"""Serves a chat model behind OpenAI's and KServe's protocols, with batching, and exports it to other runtimes."""

"""The simulated cloud: AWS, Google Cloud and Azure, as the engine's plugins see them, without an account."""

"""Where data stays: object stores and volumes."""

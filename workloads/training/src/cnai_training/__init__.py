"""Training of a small or large chatbot: prepare, train, fine-tune, align, evaluate, export."""

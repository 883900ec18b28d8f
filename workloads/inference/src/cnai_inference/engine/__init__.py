"""The engines, behind one interface."""

from cnai_inference.engine.request import Chunk, ChunkStream, Engine, GenerationRequest, Sampling, Token

__all__ = ["Chunk", "ChunkStream", "Engine", "GenerationRequest", "Sampling", "Token"]

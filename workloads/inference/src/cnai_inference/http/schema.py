"""Requests as OpenAI's API defines them, with vLLM's extensions; answers are the `openai` package's own types."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cnai_inference.engine import Sampling
from cnai_inference.errors import RequestError

UNSUPPORTED = ("tools", "functions", "audio", "suffix", "echo", "prediction")
STOPS = 4
TOP_LOGPROBS = 20


class StreamOptions(BaseModel):
    include_usage: bool = False


class Request(BaseModel):
    # Fields that only some servers know are let through, as vLLM does; those that would change the answer are refused.
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model: str
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=1.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=-1)
    n: int = Field(default=1, ge=1, le=16)
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    presence_penalty: float = Field(default=0.0, ge=-2, le=2)
    frequency_penalty: float = Field(default=0.0, ge=-2, le=2)
    logit_bias: dict[int, Annotated[float, Field(ge=-100, le=100)]] | None = None
    ignore_eos: bool = False

    @model_validator(mode="before")
    @classmethod
    def _null_is_left_out(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _supported(self) -> Self:
        extra = self.model_extra or {}
        for name in UNSUPPORTED:
            if extra.get(name):
                raise RequestError(f"{name} is not supported by this server", param=name, code="unsupported_parameter")
        if (extra.get("response_format") or {"type": "text"}) != {"type": "text"}:
            raise RequestError("only text is supported", param="response_format", code="unsupported_parameter")
        if self.stream_options and not self.stream:
            raise RequestError("stream_options is only allowed with stream", param="stream_options")
        if len(self.stops) > STOPS or not all(self.stops):
            raise RequestError(f"give at most {STOPS} stop sequences, none of them empty", param="stop")
        return self

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def alternatives(self) -> int | None:
        """How many log probabilities beside the sampled token's; None: none at all."""
        raise NotImplementedError

    def sampling(self, choice: int, max_tokens: int, vocabulary: int) -> Sampling:
        if any(not 0 <= token < vocabulary for token in self.logit_bias or ()):
            raise RequestError(f"logit_bias names a token outside 0 to {vocabulary - 1}", param="logit_bias")
        return Sampling(
            max_tokens=max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=max(self.top_k, 0),
            seed=None if self.seed is None else self.seed + choice,
            stop=self.stops,
            logprobs=self.alternatives,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=self.logit_bias or {},
            ignore_eos=self.ignore_eos,
        )


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def plain(self) -> dict[str, str]:
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        # Templates know the older name.
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class ChatRequest(Request):
    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=TOP_LOGPROBS)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.top_logprobs is not None and not self.logprobs:
            raise RequestError("top_logprobs needs logprobs to be true", param="top_logprobs")
        if self.max_completion_tokens:
            self.max_tokens = self.max_completion_tokens
        return self

    @property
    def alternatives(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None


class CompletionRequest(Request):
    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: int | None = Field(default=None, ge=0, le=TOP_LOGPROBS)
    best_of: int | None = None

    @model_validator(mode="after")
    def _plain(self) -> Self:
        if self.best_of not in (None, self.n):
            raise RequestError("best_of is not supported by this server", param="best_of", code="unsupported_parameter")
        return self

    @property
    def alternatives(self) -> int | None:
        return self.logprobs

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        prompt = self.prompt
        if isinstance(prompt, str):
            return [prompt]
        if not prompt:
            raise RequestError("prompt is empty; give at least one", param="prompt")
        return [prompt] if isinstance(prompt[0], int) else prompt  # type: ignore[return-value,list-item]

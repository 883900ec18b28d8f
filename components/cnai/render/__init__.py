"""An environment's manifests: what its program declares, and what its charts bring."""

from cnai.render.charts import Renderer as Renderer
from cnai.render.environment import NotRendered as NotRendered
from cnai.render.environment import Rendered as Rendered
from cnai.render.environment import objects as objects
from cnai.render.environment import render as render

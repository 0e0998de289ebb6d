"""dbt on the warehouse: one build prepares a run's changes, one transaction publishes them."""

from . import capacity
from .building import BUILD_STAGE, build, is_built, make_readable, told
from .conversion import convert_event_store, upgrade
from .dbt import ManifestError, ModelError, invoke, last_ones, listed, parse, target_path, with_upstream
from .publishing import PublishError, figures_of, publish

__all__ = [
    "BUILD_STAGE",
    "ManifestError",
    "ModelError",
    "PublishError",
    "build",
    "capacity",
    "convert_event_store",
    "figures_of",
    "invoke",
    "is_built",
    "last_ones",
    "listed",
    "make_readable",
    "parse",
    "publish",
    "target_path",
    "told",
    "upgrade",
    "with_upstream",
]

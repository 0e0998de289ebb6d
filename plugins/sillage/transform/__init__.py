"""dbt on the warehouse: one build prepares a run's changes, one transaction publishes them."""

from .building import BUILD_STAGE, build, is_built, told
from .dbt import ManifestError, ModelError, invoke, listed, parse, target_path
from .publishing import PublishError, publish

__all__ = [
    "BUILD_STAGE",
    "ManifestError",
    "ModelError",
    "PublishError",
    "build",
    "invoke",
    "is_built",
    "listed",
    "parse",
    "publish",
    "target_path",
    "told",
]

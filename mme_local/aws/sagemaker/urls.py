"""SageMaker's routes for moto's web layer."""

from __future__ import annotations

from moto.sagemaker.urls import url_bases

from mme_local.aws.sagemaker.responses import EmbeddedSageMakerResponse

__all__ = ["url_bases", "url_paths"]

url_paths = {"{0}/$": EmbeddedSageMakerResponse.dispatch}

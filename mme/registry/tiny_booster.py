"""A booster of one tree as XGBoost's JSON, written without XGBoost.

Source: XGBoost's documentation, "Introduction to Model IO".
"""

from __future__ import annotations

import json
from typing import Any, Final

FEATURES: Final = 4

_VERSION: Final = [2, 0, 0]
"""Later versions read it too."""

_TREE: Final[dict[str, Any]] = {
    "base_weights": [0.0, -1.0, 1.0],
    "categories": [],
    "categories_nodes": [],
    "categories_segments": [],
    "categories_sizes": [],
    "default_left": [0, 0, 0],
    "id": 0,
    "left_children": [1, -1, -1],
    "loss_changes": [1.0, 0.0, 0.0],
    "parents": [2147483647, 0, 0],
    "right_children": [2, -1, -1],
    "split_conditions": [0.5, -1.0, 1.0],
    "split_indices": [0, 0, 0],
    "split_type": [0, 0, 0],
    "sum_hessian": [2.0, 1.0, 1.0],
    "tree_param": {
        "num_deleted": "0",
        "num_feature": str(FEATURES),
        "num_nodes": "3",
        "size_leaf_vector": "1",
    },
}


def sign_booster() -> bytes:
    """Return a booster for rows of four columns: 1 if the first is 0.5 or more, else -1."""
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1"},
        "iteration_indptr": [0, 1],
        "tree_info": [0],
        "trees": [_TREE],
    }
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": "0E0",
            "boost_from_average": "1",
            "num_class": "0",
            "num_feature": str(FEATURES),
            "num_target": "1",
        },
        "objective": {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}},
    }
    return json.dumps({"learner": learner, "version": _VERSION}).encode()

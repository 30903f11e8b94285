"""OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1, each FP32 of shape [4]."""

import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """What Triton's python backend looks for in `model.py`."""

    def execute(self, requests):
        """Answers each request on its own: one bad request must not fail its neighbours."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        first = pb_utils.get_input_tensor_by_name(request, "INPUT0").as_numpy()
        second = pb_utils.get_input_tensor_by_name(request, "INPUT1").as_numpy()
        return pb_utils.InferenceResponse(
            output_tensors=[
                pb_utils.Tensor("OUTPUT0", first + second),
                pb_utils.Tensor("OUTPUT1", first - second),
            ]
        )

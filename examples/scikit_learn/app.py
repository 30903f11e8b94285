"""Many scikit-learn models in one endpoint, served by one program."""

from pathlib import Path

from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from mme_cdk import ModelBucket, ModelStore, MultiModelEndpoint, ServingImage


class ScikitLearn(Stack):
    """AWS's scikit-learn container with the program in `code/`."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        endpoint = MultiModelEndpoint(
            self,
            "Endpoint",
            # A change of the program moves the endpoint to a new model, as its deployment strategy says.
            image=ServingImage.scikit_learn(
                "1.9-0", program="inference.py", source=Path(__file__).with_name("code")
            ),
            models=ModelStore.from_bucket(ModelBucket(self, "Models")),
            instance_type="ml.m5.xlarge",
            initial_instance_count=2,
        )
        endpoint.add_outputs()


app = App()
ScikitLearn(app, "ScikitLearn")
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()

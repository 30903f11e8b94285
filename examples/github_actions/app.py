"""What GitHub Actions may do in each environment's account: by OpenID Connect, without any stored secret.

Deploy it once by hand, with your own credentials, into each account: it lets the pipeline in.
"""

from collections.abc import Sequence

from aws_cdk import App, CfnOutput, Duration, Environment, Stack, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

# Edit these three. The numbers are the ids of owner and repository: they exclude a new owner of a released
# name. Repositories from before 15 July 2026 have subjects without ids, unless they opted in.
REPOSITORY = "your-org@1234567/your-repo@7654321"
# One account per environment: in a shared one, the role that deploys dev can deploy the others, too.
ACCOUNTS = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}
REGION = "eu-central-1"

QUALIFIER = "hnb659fds"  # the default of `cdk bootstrap`
ISSUER = "token.actions.githubusercontent.com"


class GitHubAccess(Stack):
    """GitHub's identity provider, a role that reads, and a role that deploys one environment."""

    def __init__(self, scope: Construct, id: str, *, environment: str, account: str) -> None:
        super().__init__(scope, id, env=Environment(account=account, region=REGION))
        self._provider = iam.OidcProviderNative(
            self, "GitHub", url=f"https://{ISSUER}", client_ids=["sts.amazonaws.com"]
        )
        # Pull requests of any branch can assume this role, so it can only read.
        self._role("Diff", subjects=["pull_request", "ref:refs/heads/main"], may_be=["lookup"])
        # Jobs have this subject only in the environment: after its approval, and from the branches that it
        # allows.
        self._role(
            "Deploy",
            subjects=[f"environment:{environment}"],
            may_be=["lookup", "deploy", "file-publishing", "image-publishing"],
        )

    def _role(self, id: str, *, subjects: Sequence[str], may_be: Sequence[str]) -> None:
        """Define a role for jobs of these subjects that can only assume these roles of the bootstrap."""
        conditions = {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": [f"repo:{REPOSITORY}:{subject}" for subject in subjects],
            }
        }
        role = iam.Role(
            self,
            id,
            assumed_by=iam.WebIdentityPrincipal(self._provider.oidc_provider_arn, conditions=conditions),
            max_session_duration=Duration.hours(1),
        )
        roles = [
            self.format_arn(
                service="iam",
                region="",
                resource="role",
                resource_name=f"cdk-{QUALIFIER}-{name}-role-{self.account}-{self.region}",
            )
            for name in may_be
        ]
        role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles))
        CfnOutput(self, f"{id}RoleArn", value=role.role_arn)


app = App()
for name, number in ACCOUNTS.items():
    GitHubAccess(app, f"github-access-{name}", environment=name, account=number)
Validations.of(app).add_plugins(AwsSolutionsChecks(app))
app.synth()

"""The queue in front of a multi-model endpoint."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import (
    Duration,
    RemovalPolicy,
    Size,
    SizeRoundingBehavior,
    Stack,
    aws_iam,
    aws_kms,
    aws_lambda_event_sources,
    aws_logs,
    aws_s3,
    aws_sns,
    aws_sqs,
)
from constructs import Construct

from mme.catalog.limits import CLIENT_READ_TIMEOUT_SECONDS, LOAD_TIMEOUT_SECONDS
from mme_cdk._internal.acknowledgements import acknowledge_grant
from mme_cdk._internal.grants import allow
from mme_cdk._internal.type_checks import checked
from mme_cdk._internal.validation import elsewhere, outside, require, seconds
from mme_cdk.async_invocations.consumer_function import ConsumerFunction
from mme_cdk.async_invocations.exchange_bucket import ExchangeBucket, expiration_fault
from mme_cdk.async_invocations.packs import acknowledge_packs
from mme_cdk.async_invocations.prefixes import ExchangePrefixes
from mme_cdk.endpoint.endpoint_base import EndpointBase

_WRITE_SECONDS = 20  # for the objects and the notification after the invocation
_DEFAULT_TIMEOUT = Duration.seconds(LOAD_TIMEOUT_SECONDS + CLIENT_READ_TIMEOUT_SECONDS + _WRITE_SECONDS)
_DEAD_LETTER_RECEIVES = 3  # beyond max_attempts: chances to send a dead letter with its reason
_KEYS_REASON = "callers choose the inference ids, which the keys are made of"
_KMS_REASON = "KMS names the actions that S3, SQS and SNS need with wildcards; they apply to one key"


class AsyncInvocations(Construct):
    """Asynchronous inference for a multi-model endpoint, which `InvokeEndpointAsync` does not support.

    The request is a message in a queue, its body an object in S3. A Lambda function invokes the endpoint,
    waits for a model that is loading, and writes the answer or the failure once, under the inference id,
    where SageMaker would. It publishes SageMaker's notifications to two topics.

    **The limits of real-time inference apply**: 25 MB per request and 60 s per answer. In addition, callers
    don't wait, bursts are spread, and a model that is loading is not an error.

    Attributes:
        queue: Queue of requests.
        dead_letter_queue: Messages that could not be processed, each with its reason.
        bucket: Bucket of inputs, outputs and failures.
        prefixes: Their key prefixes.
        key: Encrypts queues, topics, bucket, log and the function's variables.
        success_topic: Notified of each answer.
        error_topic: Notified of each failure.
        function: The consumer.
    """

    @checked
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        endpoint: EndpointBase,
        bucket: aws_s3.IBucket | None = None,
        prefixes: ExchangePrefixes | None = None,
        encryption_key: aws_kms.IKey | None = None,
        max_concurrency: int = 5,
        batch_size: int = 5,
        max_attempts: int = 5,
        timeout: Duration | None = None,
        memory_size: Size | None = None,
        reserved_concurrency: int | None = None,
        objects_expire_after: Duration | None = None,
        access_logs_bucket: aws_s3.IBucket | None = None,
        log_retention: aws_logs.RetentionDays = aws_logs.RetentionDays.ONE_MONTH,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        """Define queue, consumer, topics and bucket.

        Args:
            scope: Parent construct.
            id: Construct id.
            endpoint: Endpoint to invoke, defined here or imported.
            bucket: Bucket for inputs and outputs. Default: a new `ExchangeBucket`.
            prefixes: Key prefixes, outside the models' prefix. Default: `async/input/`, `async/output/`,
                `async/failure/`, `async/outcome/`.
            encryption_key: Encrypts queues, topics, log and the default bucket. A key of another stack or
                account must allow `logs.REGION.amazonaws.com`, otherwise AWS's own key encrypts the log.
                Default: a new key, rotated each year.
            max_concurrency: Concurrent functions, 2 to 1000. Multiplied by `batch_size`: the concurrent
                requests, which the endpoint must handle in addition to its other callers. Default: 5.
            batch_size: Messages that one function processes concurrently, 1 to 10, with all their bodies in
                memory. Default: 5.
            max_attempts: Attempts before a request ends as a failure or a dead letter, 1 to 100. Default: 5.
            timeout: Timeout of the function, 75 to 900 s, for a model's load and the invocation after it. The
                queue's visibility timeout is 30 s longer. Default: 450 s; SageMaker ends a load after 360 s.
            memory_size: Memory of the function, 128 to 10240 MiB. Default: 512 MiB.
            reserved_concurrency: Reserved concurrency of the function, at least `max_concurrency`.
                Default: none.
            objects_expire_after: Expiration in the default bucket, at least 15 days. Default: 30 days.
            access_logs_bucket: Bucket for the default bucket's access logs. Default: no access logs.
            log_retention: How long the function's log is stored. Default: one month.
            removal_policy: Removal policy of bucket, key and log. Default: retained.

        Raises:
            PropsError: Values of a wrong type or out of range, an endpoint of another account or region, or
                prefixes that overlap each other or the models' prefix.
        """
        places = prefixes or ExchangePrefixes()
        length = timeout or _DEFAULT_TIMEOUT
        memory = memory_size or Size.mebibytes(512)
        mebibytes = memory.to_mebibytes(rounding=SizeRoundingBehavior.NONE)
        require(
            _place_fault(Stack.of(scope), endpoint),
            *places.faults(bucket, endpoint._models),
            outside("max_concurrency", max_concurrency, 2, 1000),
            outside("batch_size", batch_size, 1, 10),
            outside("max_attempts", max_attempts, 1, 100),
            outside("timeout", seconds(length), CLIENT_READ_TIMEOUT_SECONDS + 5, 900, whole="seconds"),
            outside("memory_size", mebibytes, 128, 10240, whole="MiB"),
            expiration_fault("objects_expire_after", objects_expire_after),
            f"reserved_concurrency is {reserved_concurrency}, below max_concurrency {max_concurrency}; "
            "requests would lose attempts to throttling: raise it"
            if reserved_concurrency is not None and reserved_concurrency < max_concurrency
            else None,
            "objects_expire_after and access_logs_bucket apply to the default bucket: set them on your bucket"
            if bucket is not None and (objects_expire_after or access_logs_bucket)
            else None,
            at=(scope, id),
        )
        super().__init__(scope, id)
        self.prefixes = places
        self.key: aws_kms.IKey = encryption_key or aws_kms.Key(
            self,
            "Key",
            description="Asynchronous requests of a multi-model endpoint",
            enable_key_rotation=True,
            removal_policy=removal_policy,
        )
        self.bucket: aws_s3.IBucket = bucket or ExchangeBucket(
            self,
            "Bucket",
            encryption_key=self.key,
            expire_after=objects_expire_after,
            access_logs_bucket=access_logs_bucket,
            removal_policy=removal_policy,
        )
        self.dead_letter_queue = aws_sqs.Queue(
            self,
            "DeadLetters",
            encryption_master_key=self.key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge_packs(self.dead_letter_queue, "this is the dead-letter queue", "SQSRedrivePolicy")
        self.queue = aws_sqs.Queue(
            self,
            "Queue",
            encryption_master_key=self.key,
            enforce_ssl=True,
            visibility_timeout=Duration.seconds(length.to_seconds() + 30),
            dead_letter_queue=aws_sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=max_attempts + _DEAD_LETTER_RECEIVES
            ),
        )
        self.success_topic = self._topic("Succeeded")
        self.error_topic = self._topic("Failed")
        self.function = ConsumerFunction(
            self,
            "Consumer",
            environment={
                "MME_ENDPOINT_NAME": endpoint.endpoint_name,
                "MME_QUEUE_URL": self.queue.queue_url,
                "MME_DEAD_LETTER_QUEUE_URL": self.dead_letter_queue.queue_url,
                "MME_SUCCESS_TOPIC_ARN": self.success_topic.topic_arn,
                "MME_ERROR_TOPIC_ARN": self.error_topic.topic_arn,
                "MME_INPUT_LOCATION": self._url(places.inputs),
                "MME_OUTPUT_LOCATION": self._url(places.outputs),
                "MME_FAILURE_LOCATION": self._url(places.failures),
                "MME_OUTCOME_LOCATION": self._url(places.outcomes),
                "MME_MAX_ATTEMPTS": str(max_attempts),
                "MME_LOAD_SECONDS": str(LOAD_TIMEOUT_SECONDS),
            },
            encryption_key=self.key,
            timeout=length,
            memory_size=memory,
            reserved_concurrency=reserved_concurrency,
            log_retention=log_retention,
            removal_policy=removal_policy,
        )
        self._grant_consumer(endpoint)
        self.function.add_event_source(
            aws_lambda_event_sources.SqsEventSource(
                self.queue,
                batch_size=batch_size,
                max_concurrency=max_concurrency,
                report_batch_item_failures=True,
            )
        )

    @property
    def outputs(self) -> Mapping[str, str]:
        """Outputs by which `mme` and `MultiModelClient` find the queue; add each to the serving stack."""
        return {
            "AsyncQueueUrl": self.queue.queue_url,
            "AsyncDeadLetterQueueUrl": self.dead_letter_queue.queue_url,
            "AsyncInputLocation": self._url(self.prefixes.inputs),
            "AsyncOutputLocation": self._url(self.prefixes.outputs),
            "AsyncFailureLocation": self._url(self.prefixes.failures),
            "AsyncOutcomeLocation": self._url(self.prefixes.outcomes),
        }

    @checked
    def grant_submit(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow sending requests for every model of the endpoint, but not reading answers.

        The grantee may also read inputs, to check whether an inference id is in use.

        Args:
            grantee: Role, user or other principal.
        """
        return (
            self._grant_objects(grantee, ["s3:GetObject", "s3:PutObject"], self.prefixes.inputs)
            .combine(self.queue.grant_send_messages(grantee))
            .combine(self._grant_key(grantee))
        )

    @checked
    def grant_read_results(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow reading answers, failures and outcomes.

        Args:
            grantee: Role, user or other principal.
        """
        places = (self.prefixes.outputs, self.prefixes.failures, self.prefixes.outcomes)
        return (
            self._grant_objects(grantee, ["s3:GetObject"], *places)
            .combine(self._grant_list(grantee))
            .combine(self._grant_key(grantee))
        )

    @checked
    def grant_redrive(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Allow reading the dead-letter queue and sending its messages to the queue again.

        Args:
            grantee: Role, user or other principal.
        """
        return (
            self.dead_letter_queue.grant_consume_messages(grantee)
            .combine(self.queue.grant_send_messages(grantee))
            .combine(self._grant_key(grantee))
        )

    def _grant_consumer(self, endpoint: EndpointBase) -> None:
        places = self.prefixes
        written = (places.outputs, places.failures, places.outcomes)
        endpoint.grant_invoke(self.function)
        self._grant_objects(self.function, ["s3:GetObject"], places.inputs, places.outcomes)
        self._grant_objects(self.function, ["s3:PutObject"], *written)
        self._grant_list(self.function)
        self.dead_letter_queue.grant_send_messages(self.function)
        self.success_topic.grant_publish(self.function)
        self.error_topic.grant_publish(self.function)
        self._grant_key(self.function)

    def _topic(self, id: str) -> aws_sns.Topic:
        return aws_sns.Topic(self, id, master_key=self.key, enforce_ssl=True)

    def _url(self, prefix: str) -> str:
        return self.bucket.s3_url_for_object(prefix)

    def _grant_objects(
        self, grantee: aws_iam.IGrantable, actions: list[str], *prefixes: str
    ) -> aws_iam.Grant:
        arns = [self.bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes]
        return allow(grantee, actions, arns, bucket=self.bucket, reason=_KEYS_REASON)

    def _grant_list(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        """Let S3 report a missing object as missing; without this right it answers 403.

        Without a condition on `s3:prefix`, which requests for single objects do not have.
        Source: S3 API reference, GetObject, permissions.
        """
        return allow(grantee, ["s3:ListBucket"], [self.bucket.bucket_arn], bucket=self.bucket)

    def _grant_key(self, grantee: aws_iam.IGrantable) -> aws_iam.Grant:
        wildcards = ("kms:GenerateDataKey*", "kms:ReEncrypt*")
        acknowledge_grant(grantee, _KMS_REASON, actions=wildcards)
        grant = self.key.grant_encrypt_decrypt(grantee)
        other = self.bucket.encryption_key
        if other is None or other is self.key:
            return grant
        return grant.combine(other.grant_encrypt_decrypt(grantee))


def _place_fault(stack: Stack, endpoint: EndpointBase) -> str | None:
    """Return why the function, which calls its own account and region, would not find the endpoint."""
    if (found := elsewhere(stack, *endpoint.place)) is None:
        return None
    what, ours, theirs = found
    return f"the endpoint is in {what} {theirs} and the queue in {ours}: define it in a stack of {theirs}"

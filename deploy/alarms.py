"""The alarms, and who is notified. docs/operations.md tells what each means and what to do."""

from dataclasses import dataclass
from typing import Any

from chalicelib.telemetry.metrics import Name
from deploy.permissions import API_HANDLER, READ_API, logical_id
from deploy.stages import Stage

Json = dict[str, Any]

SERVING = ("authorize", READ_API, API_HANDLER, "on_images")
"""The functions that a user waits for."""

SCHEDULED = "scheduled_sweep"

MINUTE = 60
_ABOVE = "GreaterThanThreshold"
_NOT_ABOVE = "LessThanOrEqualToThreshold"
_TELLS: Json = {"AlarmActions": [{"Ref": "AlarmTopic"}], "OKActions": [{"Ref": "AlarmTopic"}]}
STACK = {"Ref": "AWS::StackName"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One of CloudWatch's, or ours; `dimensions` are name to value."""

    namespace: Any
    name: str
    statistic: str = "Sum"
    dimensions: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Alarm:
    """Rings when the metric was above `above` in each of the last `periods` periods of so many
    seconds; with `is_silence`, when it was not. No data count as 0."""

    description: str
    metric: Metric
    above: float = 0
    period: int = 5 * MINUTE
    periods: int | Json = 1
    is_silence: bool = False

    def resource(self) -> Json:
        metric = self.metric
        return {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmDescription": self.description,
                **_TELLS,
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": of} for name, of in metric.dimensions],
                "Statistic": metric.statistic,
                "Period": self.period,
                "ComparisonOperator": _NOT_ABOVE if self.is_silence else _ABOVE,
                "Threshold": self.above,
                "EvaluationPeriods": self.periods,
                "DatapointsToAlarm": self.periods,
                "TreatMissingData": "breaching" if self.is_silence else "notBreaching",
            },
        }

    def part(self) -> Json:
        """An alarm that is a part of another, and notifies nobody itself."""
        made = self.resource()
        told = {name: value for name, value in made["Properties"].items() if name not in _TELLS}
        return {**made, "Condition": "HasAlarmEmail", "Properties": told}


def of_function(function: str, name: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Lambda", name, statistic, (("FunctionName", {"Ref": logical_id(function)}),))


def of_table(table: str, name: str) -> Metric:
    return Metric("AWS/DynamoDB", name, "Sum", (("TableName", {"Ref": table}),))


def of_api(stage: Stage, name: str, statistic: str = "Sum") -> Metric:
    return Metric(
        "AWS/ApiGateway", name, statistic, (("ApiName", STACK), ("Stage", stage.api_stage))
    )


def ours(name: Name, statistic: str = "Sum") -> Metric:
    """One that the code writes (`chalicelib.telemetry.metrics`)."""
    return Metric(STACK, name, statistic)


LETTERS = Metric(
    "AWS/SQS",
    "ApproximateNumberOfMessagesVisible",
    "Maximum",
    (("QueueName", {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}),),
)
TABLES = ("PrimaryTable", "PartitionTable", "IdempotencyTable")


def alarms_of(stage: Stage) -> dict[str, Alarm]:
    return {
        "IteratorAgeAlarm": Alarm(
            "The stream is behind: libraries show new images late.",
            of_function("on_images", "IteratorAge", "Maximum"),
            above=60_000,  # milliseconds
            period=MINUTE,
            periods=3,
        ),
        "DeadLettersAlarm": Alarm(
            "The stream's function gave up on some users' records.", LETTERS, period=MINUTE
        ),
        "ServerErrorsAlarm": Alarm(
            "The API answers 5xx.", of_api(stage, "5XXError"), above=4, periods=2
        ),
        "UsersBehindAlarm": Alarm(
            "The sweep brought users up to date whom the stream has forgotten.", ours("UsersBehind")
        ),
        "HolesAlarm": Alarm("A log did not read as consecutive.", ours("HoleSeen")),
        "SyncFailedAlarm": Alarm(
            "Users' syncs fail again and again.", ours("SyncFailed"), above=5, periods=3
        ),
        "SweepSilentAlarm": Alarm(
            "The scheduled sweep has not run: nothing brings up to date whom the stream forgot.",
            of_function(SCHEDULED, "Invocations"),
            period=15 * MINUTE,
            periods={"Fn::If": ["SweepsHourly", 9, 1]},  # longer than from one run to the next
            is_silence=True,
        ),
        **{
            f"{logical_id(function)}ErrorsAlarm": Alarm(
                f"{function} crashes, or runs out of time.", of_function(function, "Errors")
            )
            for function in (*SERVING, SCHEDULED)
        },
        **{
            f"{logical_id(function)}ThrottlesAlarm": Alarm(
                f"Lambda has no room to run {function}.", of_function(function, "Throttles")
            )
            for function in (*SERVING, SCHEDULED)
        },
        **{
            f"{table}{kind}ThrottlesAlarm": Alarm(
                f"DynamoDB refuses {kind.lower()}s of {table}.",
                of_table(table, f"{kind}ThrottleEvents"),
                above=10,
            )
            for table in TABLES
            for kind in ("Read", "Write")
        },
    }


PARTS = {
    "SavedPart": Alarm(
        "Entries are saved.", of_table("PrimaryTable", "ConsumedWriteCapacityUnits"), periods=3
    ),
    "NothingAppliedPart": Alarm(
        "No entry comes to any partition.", ours("EntriesApplied"), periods=3, is_silence=True
    ),
}
"""The two parts of the alarm for saves without entries applied. Neither is trouble by itself."""


def not_applied() -> dict[str, Json]:
    """It costs as much as seven others, so only a stage that tells somebody has it."""
    rule = " AND ".join(f'ALARM("${{{name}}}")' for name in PARTS)
    return {
        **{name: part.part() for name, part in PARTS.items()},
        "NotAppliedAlarm": {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Condition": "HasAlarmEmail",
            "Properties": {
                "AlarmDescription": "Entries are saved, and libraries show nothing new.",
                "AlarmRule": {"Fn::Sub": rule},
                **_TELLS,
            },
        },
    }


def alarms(stage: Stage) -> dict[str, Json]:
    """Returns the alarms, the topic that they notify, and the subscription of `AlarmEmail`, if
    given."""
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Fn::Sub": _TOPIC}}}
    subscription = {
        "Type": "AWS::SNS::Subscription",
        "Condition": "HasAlarmEmail",
        "Properties": {
            "TopicArn": {"Ref": "AlarmTopic"},
            "Protocol": "email",
            "Endpoint": {"Ref": "AlarmEmail"},
        },
    }
    made = {name: alarm.resource() for name, alarm in alarms_of(stage).items()}
    return {"AlarmTopic": topic, "AlarmSubscription": subscription, **made, **not_applied()}


_TOPIC = "${AWS::StackName}-alarms"

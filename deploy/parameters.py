"""What one stack sets differently from another: the template's parameters, and their rules.

The rules stand in the template, so that they hold in the AWS console too; `check` asks them before
anything is sent.
"""

import re
import shlex
from collections.abc import Mapping
from typing import Any

from deploy.refusal import Refusal
from deploy.stages import APP, CONFIG, Stage

Parameter = dict[str, Any]
"""A parameter as CloudFormation takes it."""

SIGN_IN_ENDPOINTS = {
    "OidcAuthorizationEndpoint": "authorization_endpoint",
    "OidcTokenEndpoint": "token_endpoint",
    "OidcEndSessionEndpoint": "end_session_endpoint",
}

OF_A_NAMED_ISSUER = ("OidcAudience", "OidcJwksUrl")
"""Parameters that a named issuer must have, since tokens cannot be verified without them."""

OPTIONAL = (
    *("GalleryUrl", "AlarmEmail", "WebAclArn", "KmsKeyArn"),
    *("MaxReadUnits", "MaxWriteUnits", "StreamConcurrency", "SweepConcurrency"),
)
"""Parameters that may be empty; `if_given` handles them."""

HOURLY = "rate(1 hour)"
"""The one schedule of the sweep that `SweepSilentAlarm` has to wait longer for."""

NOTHING = {"Ref": "AWS::NoValue"}

HTTPS = r"https://[A-Za-z0-9._-]+(:[0-9]+)?(/[^\s|]*)?"
_ORIGIN = r"https?://[A-Za-z0-9._-]+(:[0-9]+)?"
_TABLE = r"[A-Za-z0-9_.-]{3,255}"


def parameters(stage: Stage) -> dict[str, Parameter]:
    """All parameters; what the stage gives for one is its default."""
    rules = {
        "OidcIssuer": _parameter(
            "The issuer (iss) of your users' tokens, exactly as it stands in them; if empty, the "
            "stack makes one of its own, a Cognito user pool.",
            rf"({HTTPS})?",
            "an https URL, such as https://issuer.example/realm, or empty",
            default="",
        ),
        "OidcAudience": _parameter(
            "The audience (aud) that tokens of your issuer must be meant for; docs/issuers.md has "
            "each issuer's.",
            r"\S*",
            "a word without spaces",
            default="",
        ),
        "OidcJwksUrl": _parameter(
            "Where your issuer publishes its keys (jwks_uri of its discovery document).",
            rf"({HTTPS})?",
            "an https URL, such as https://issuer.example/.well-known/jwks.json",
            default="",
        ),
        "OidcClientId": _parameter(
            "The issuer's public client with which the gallery signs in; no sign-in if empty.",
            r"\S*",
            "a word without spaces, or empty",
            default="",
        ),
        **{
            name: _parameter(
                f"The issuer's {of} of its discovery document, for the gallery.",
                rf"({HTTPS})?",
                "an https URL, or empty",
                default="",
            )
            for name, of in SIGN_IN_ENDPOINTS.items()
        },
        "GalleryUrl": _parameter(
            "Where browsers find the gallery, to which the stack's own issuer leads back; "
            "`make deploy` gives the API's root, if nothing is given.",
            rf"({HTTPS}/|http://([a-z0-9-]+\.)*localhost(:[0-9]+)?/\S*)?",
            "an https URL that ends with /, or empty",
            default="",
        ),
        "CorsOrigins": _parameter(
            "Origins whose pages may call the API, separated by commas; none if empty.",
            rf"({_ORIGIN}(,{_ORIGIN})*)?",
            "origins such as https://app.example, separated by commas without spaces",
            default="",
        ),
        "AlarmEmail": _parameter(
            "Who is told of alarms by e-mail; nobody if empty.",
            r"([^@\s]+@[^@\s]+)?",
            "an e-mail address, or empty",
            default="",
        ),
        "StreamParallelism": _parameter(
            "Invocations of on_images that one shard of the stream may have at once.",
            r"[1-9]|10",
            "a whole number from 1 to 10",
            default="10",
        ),
        "SweepSchedule": _parameter(
            "How often the sweep runs. A run ends before five minutes are over.",
            rf"rate\((1 minute|([2-9]|10) minutes)\)|{re.escape(HOURLY)}",
            f"rate(1 minute), rate(2 minutes) and so on up to rate(10 minutes), or {HOURLY}",
            default="rate(5 minutes)",
        ),
        "SweepReadUnits": _parameter(
            "Read units that one run of the sweep may spend; a user takes 2.",
            r"[1-9][0-9]{3,6}",
            "a whole number from 1000 to 9999999",
            default="10000",
        ),
        "ApiRateLimit": _count(
            "Requests a second that the stage takes, of all users together; more are answered 429.",
            default="1000",
        ),
        "ApiBurstLimit": _count("Requests that it takes at once.", default="2000"),
        "WebAclArn": _parameter(
            "AWS WAF's web ACL before the API (regional, of this region); none if empty.",
            r"(arn:[a-z-]+:wafv2:\S+)?",
            "the ARN of a web ACL, or empty",
            default="",
        ),
        "KmsKeyArn": _parameter(
            "The KMS key that encrypts the tables; AWS's own if empty. Its policy has to let "
            "principals of the account use it through DynamoDB.",
            r"(arn:[a-z-]+:kms:\S+)?",
            "the ARN of a KMS key, or empty",
            default="",
        ),
        "RecoveryDays": _parameter(
            "For how many days back the log of record can be restored.",
            r"[1-9]|[12][0-9]|3[0-5]",
            "a number of days from 1 to 35",
            default="35",
        ),
        "MaxReadUnits": _count_or_none("Read units a second beyond which a table refuses."),
        "MaxWriteUnits": _count_or_none("Write units a second beyond which a table refuses."),
        "StreamConcurrency": _count_or_none(
            "Lambda concurrency kept for the stream's function alone, and its bound."
        ),
        "SweepConcurrency": _count_or_none(
            "Lambda concurrency kept for the scheduled sweep alone, and its bound."
        ),
        "PrimaryTableName": _table("the log of record", f"{APP}-{stage.name}-images"),
        "PartitionTableName": _table("the users' read copies", f"{APP}-{stage.name}-partition"),
        "IdempotencyTableName": _table(
            "what requests under an Idempotency-Key did", f"{APP}-{stage.name}-idempotency"
        ),
    }
    unknown = stage.parameters.keys() - rules.keys()
    if unknown:
        raise _unknown(unknown, rules, f"{CONFIG}, stage {stage.name}")
    for name, value in stage.parameters.items():
        rules[name]["Default"] = value
    return rules


def template_rules() -> dict[str, Any]:
    """CloudFormation's `Rules`, for what no parameter's pattern can say."""
    named = {"Fn::Not": [{"Fn::Equals": [{"Ref": "OidcIssuer"}, ""]}]}
    return {
        "NamedIssuer": {
            "RuleCondition": named,
            "Assertions": [
                {
                    "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]},
                    "AssertDescription": f"{name} is needed with OidcIssuer",
                }
                for name in OF_A_NAMED_ISSUER
            ],
        }
    }


def conditions() -> dict[str, Any]:
    """`HasAlarmEmail` and so on, by which the template asks whether something was given; and
    `SweepsHourly`."""
    return {
        **{f"Has{name}": {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for name in OPTIONAL},
        "SweepsHourly": {"Fn::Equals": [{"Ref": "SweepSchedule"}, HOURLY]},
    }


def if_given(name: str, given: Any, otherwise: Any = NOTHING) -> dict[str, Any]:
    """Returns `given` if the optional parameter has a value, else nothing."""
    return {"Fn::If": [f"Has{name}", given, otherwise]}


def check(rules: Mapping[str, Parameter], given: Mapping[str, str]) -> None:
    """Refusal unless each value is as its rule says, and a named issuer has all that it takes."""
    unknown = given.keys() - rules.keys()
    if unknown:
        raise _unknown(unknown, rules, "PARAMETERS")
    values = {name: given.get(name, rule.get("Default")) for name, rule in rules.items()}
    for name, value in values.items():
        _check(name, value, rules[name])
    for name in OF_A_NAMED_ISSUER:
        if values["OidcIssuer"] and not values[name]:
            raise Refusal(
                f"The parameter {name} is missing: {rules[name]['Description']} Give it under "
                f'"parameters" of the stage in {CONFIG}, or as PARAMETERS="{name}=…".'
            )


def _check(name: str, value: object, rule: Parameter) -> None:
    if not isinstance(value, str) or not re.fullmatch(rule["AllowedPattern"], value):
        raise Refusal(f"The parameter {name} is {value!r}; {rule['ConstraintDescription']}.")


def assignments(text: str) -> dict[str, str]:
    """``Name=value Name='a value'`` as a mapping; quotes are the shell's."""
    try:
        words = shlex.split(text)
    except ValueError:
        raise Refusal("PARAMETERS has a quote that is never closed; close it.") from None
    pairs = [word.partition("=") for word in words]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise Refusal(
            f"PARAMETERS takes Name=value pairs separated by spaces, not {wrong[0]!r}. "
            "Put quotes around a value that has a space: Name='a value'."
        )
    return {name: value for name, _, value in pairs}


def _parameter(description: str, pattern: str, rule: str, **more: str) -> Parameter:
    return {
        "Type": "String",
        "Description": description,
        "AllowedPattern": pattern,
        "ConstraintDescription": f"must be {rule}",
        **{key.capitalize(): value for key, value in more.items()},
    }


def _count(description: str, **more: str) -> Parameter:
    return _parameter(description, "[1-9][0-9]{0,6}", "a number from 1 on", **more)


def _count_or_none(description: str) -> Parameter:
    return _parameter(
        f"{description} No such bound if empty.",
        "([1-9][0-9]{0,8})?",
        "a number from 1 on, or empty",
        default="",
    )


def _table(what: str, default: str) -> Parameter:
    return _parameter(
        f"The table of {what}.", _TABLE, "3 to 255 letters, digits, _ . -", default=default
    )


def _unknown(names: set[str], rules: Mapping[str, Parameter], where: str) -> Refusal:
    return Refusal(
        f"{where}: there is no parameter {', '.join(sorted(names))}. There are: {', '.join(rules)}."
    )

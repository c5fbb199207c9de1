"""The parts of the API's template that Chalice does not make from the routes."""

import json
from collections.abc import Collection
from typing import Any

from chalice.app import Chalice

from chalicelib.api.answer import Answer
from chalicelib.api.gallery import HSTS
from chalicelib.api.gateway import GATEWAY_RESPONSES, gateway_response
from chalicelib.api.public import ELSEWHERE
from deploy.permissions import READ_API, logical_id
from deploy.stages import LOG_DAYS, Stage

READ_METHODS = frozenset({"GET", "HEAD"})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

Json = dict[str, Any]

BEARER = r"(?i)^bearer +[\w-]+\.[\w-]+\.[\w-]+ *$"
"""The pattern of an Authorization header with a token. For anything else API Gateway answers 401 by
itself, and no function runs. It fits all that `chalicelib.auth.tokens` accepts."""

TLS = "SecurityPolicy_TLS13_1_2_2021_06"
"""API Gateway's name for TLS 1.2 and 1.3 only. Its default also accepts 1.0."""

ACCESS = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "ip": "$context.identity.sourceIp",
    "user": "$context.authorizer.principalId",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",  # the pattern: what people type stands in no log
    "status": "$context.status",
    "refusal": "$context.error.responseType",  # where API Gateway answers by itself
    "function": "$context.integration.status",
    "milliseconds": "$context.responseLatency",
    "bytes": "$context.responseLength",
}
"""What is logged of each request, also of one that no function sees (API Gateway developer guide,
"Variables for access logging")."""

_INTEGRATION = "x-amazon-apigateway-integration"


def resources(stage: Stage, app: Chalice) -> dict[str, Json]:
    return {
        "RestAPI": {"Properties": _api(app)},
        "AccessLog": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": {"Fn::Sub": "/aws/apigateway/${AWS::StackName}"},
                "RetentionInDays": LOG_DAYS,
            },
        },
        "ReadApiInvokePermission": permission(READ_API),
        "Firewall": _firewall(stage),
    }


def _api(app: Chalice) -> Json:
    limits = {
        "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
        "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
    }
    return {
        "EndpointConfiguration": {"Type": "REGIONAL"},
        "SecurityPolicy": TLS,
        "EndpointAccessMode": "BASIC",  # has to stand beside such a policy
        "MethodSettings": [{"HttpMethod": "*", "ResourcePath": "/*", **limits}],
        "AccessLogSetting": {
            "DestinationArn": {"Fn::GetAtt": ["AccessLog", "Arn"]},
            "Format": json.dumps(ACCESS),
        },
        "DefinitionBody": definition(app),
    }


def _firewall(stage: Stage) -> Json:
    arn = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/"
    return {
        "Type": "AWS::WAFv2::WebACLAssociation",
        "Condition": "HasWebAclArn",
        "DependsOn": f"RestAPI{stage.api_stage}Stage",  # SAM's name of the API's stage
        "Properties": {
            "ResourceArn": {"Fn::Sub": arn + stage.api_stage},
            "WebACLArn": {"Ref": "WebAclArn"},
        },
    }


def definition(app: Chalice) -> Json:
    """Reads go to the function that may only read. So does, without a token, any method that a
    path does not have: the app itself answers, OPTIONS with what CORS asks for, others with 405."""
    return {
        "info": {"title": {"Ref": "AWS::StackName"}},  # API Gateway's metrics go by this name
        "securityDefinitions": {
            "authorize": {
                "x-amazon-apigateway-authorizer": {"identityValidationExpression": BEARER}
            }
        },
        "paths": {path: _path(path, methods) for path, methods in app.routes.items()},
        "x-amazon-apigateway-gateway-responses": {
            kind: _gateway_response(gateway_response(kind)) for kind in GATEWAY_RESPONSES
        },
    }


def _path(path: str, methods: Collection[str]) -> dict[str, Any]:
    reads = {method.lower(): {_INTEGRATION: _uri()} for method in methods if method in READ_METHODS}
    if path == ELSEWHERE:  # API Gateway itself answers what is no path at all
        return reads
    others = {method.lower(): _to_the_app() for method in METHODS if method not in methods}
    return {**reads, **others}


def _to_the_app() -> dict[str, Any]:
    proxy = {"type": "aws_proxy", "httpMethod": "POST", **_uri()}
    return {"responses": {}, _INTEGRATION: proxy}


def _uri() -> dict[str, Any]:
    prefix = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
    return {"uri": {"Fn::Sub": f"{prefix}${{{logical_id(READ_API)}.Arn}}/invocations"}}


def _gateway_response(answer: Answer) -> dict[str, Any]:
    """The answer in API Gateway's words for a fixed one (quotes mark a constant)."""
    headers = {**answer.headers, **HSTS}
    return {
        "statusCode": str(answer.status),
        "responseTemplates": {"application/json": answer.body},
        "responseParameters": {
            f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()
        },
    }


def permission(function: str) -> dict[str, Any]:
    """Lets API Gateway call the function, for this API alone."""
    arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${RestAPI}/*"
    return {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": logical_id(function)},
            "Action": "lambda:InvokeFunction",
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": {"Fn::Sub": arn},
        },
    }

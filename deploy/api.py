"""What the template says of the API beyond what Chalice makes of the routes."""

from collections.abc import Collection
from typing import Any

from chalice.app import Chalice

from chalicelib.api.answer import Answer
from chalicelib.api.gateway import GATEWAY_RESPONSES, gateway_response
from chalicelib.api.public import ELSEWHERE
from deploy.functions import READ_API, logical_id

READ_METHODS = frozenset({"GET"})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

_INTEGRATION = "x-amazon-apigateway-integration"


def definition(app: Chalice) -> dict[str, Any]:
    """Reads go to the function that may only read. So does, without a token, any method that a
    path does not have: the app itself answers, OPTIONS with what CORS asks for, others with 405."""
    return {
        "info": {"title": {"Ref": "AWS::StackName"}},  # API Gateway's metrics go by this name
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
    return {
        "statusCode": str(answer.status),
        "responseTemplates": {"application/json": answer.body},
        "responseParameters": {
            f"gatewayresponse.header.{name}": f"'{value}'" for name, value in answer.headers.items()
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

"""The issuer that a stage brings along if none is named: a Cognito user pool with sign-in pages.

Its client leads back to the gallery at the parameter `GalleryUrl`. API Gateway names that address
only once the stack is there, and the functions, which the API calls, are told the client: so the
first deployment has a second step (`deploy.__main__`).
"""

from typing import Any

from deploy.parameters import if_given
from deploy.stages import Stage

Json = dict[str, Any]

OWN = "OwnIssuer"
NO_GALLERY = "https://gallery.invalid/"
"""Until `GalleryUrl` is known; a client has to have an address."""

_SERVER = "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}"
_PAGES = "https://${UserPoolDomain}.auth.${AWS::Region}.amazoncognito.com"

_OWN: Json = {
    "OidcIssuer": {"Fn::Sub": _SERVER},
    "OidcAudience": {"Ref": "UserPoolClient"},
    "OidcJwksUrl": {"Fn::Sub": f"{_SERVER}/.well-known/jwks.json"},
    "OidcClientId": {"Ref": "UserPoolClient"},
    "OidcAuthorizationEndpoint": {"Fn::Sub": f"{_PAGES}/oauth2/authorize"},
    "OidcTokenEndpoint": {"Fn::Sub": f"{_PAGES}/oauth2/token"},
    "OidcEndSessionEndpoint": {"Fn::Sub": f"{_PAGES}/logout"},
}
"""What each parameter is of the pool (Cognito developer guide, "User pool endpoints")."""


def setting(parameter: str) -> Json:
    """The parameter's value, or the pool's where the stage has its own issuer and gives none."""
    return {"Fn::If": [_condition(parameter), _OWN[parameter], {"Ref": parameter}]}


def conditions() -> Json:
    others = [name for name in _OWN if _condition(name) != OWN]
    return {
        OWN: _is_empty("OidcIssuer"),
        **{_condition(n): {"Fn::And": [{"Condition": OWN}, _is_empty(n)]} for n in others},
    }


def resources(stage: Stage) -> dict[str, Json]:
    policy = "Retain" if stage.production else "Delete"
    kept = {"DeletionPolicy": policy, "UpdateReplacePolicy": policy}
    pool = {"Ref": "UserPool"}
    return {
        "UserPool": {
            **_resource("UserPool", _pool(stage)),
            **kept,  # a user's library hangs on the pool: it is found by the pool's name for them
        },
        "UserPoolClient": _resource("UserPoolClient", {"UserPoolId": pool, **_client()}),
        "UserPoolDomain": _resource(
            "UserPoolDomain",
            {"UserPoolId": pool, "Domain": {"Fn::Sub": "${AWS::StackName}-${AWS::AccountId}"}},
        ),
    }


def outputs() -> Json:
    return {
        "UserPoolId": {"Condition": OWN, "Value": {"Ref": "UserPool"}},
        "GalleryUrl": {"Condition": "HasGalleryUrl", "Value": {"Ref": "GalleryUrl"}},
    }


def _pool(stage: Stage) -> Json:
    """Users are made by the operator, and are named by their e-mail address."""
    return {
        "UserPoolName": {"Ref": "AWS::StackName"},
        "UsernameAttributes": ["email"],
        "AutoVerifiedAttributes": ["email"],
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
        "AccountRecoverySetting": {
            "RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]
        },
        "Policies": {"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 7}},
        "DeletionProtection": "ACTIVE" if stage.production else "INACTIVE",
    }


def _client() -> Json:
    """A public client: people use the authorization code with PKCE; only operators may sign in by
    password."""
    gallery = if_given("GalleryUrl", {"Ref": "GalleryUrl"}, NO_GALLERY)
    return {
        "ClientName": "gallery",
        "GenerateSecret": False,
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": ["COGNITO"],
        "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "PreventUserExistenceErrors": "ENABLED",
        "CallbackURLs": [{"Fn::Join": ["", [gallery, "signed-in"]]}],
        "LogoutURLs": [gallery],
    }


def _resource(kind: str, properties: Json) -> Json:
    return {"Type": f"AWS::Cognito::{kind}", "Condition": OWN, "Properties": properties}


def _condition(parameter: str) -> str:
    """`OwnJwksUrl` of `OidcJwksUrl`."""
    return parameter.replace("Oidc", "Own")


def _is_empty(parameter: str) -> Json:
    return {"Fn::Equals": [{"Ref": parameter}, ""]}

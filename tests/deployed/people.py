"""Users who sign in at an OpenID Connect issuer: the emulator's Cognito, whose tokens are real."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from chalicelib.model.entries import UserId
from chalicelib.model.user_keys import user_id
from local.dynamodb_local import REGION
from tests.deployed.emulator import Emulator

GALLERY = "https://gallery.example"
"""The site whose pages may call the API in people's browsers."""

PASSWORD = "A-long-passw0rd-of-nobody"

APP: Mapping[str, Any] = {
    "ClientName": "gallery",
    "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
    "SupportedIdentityProviders": ["COGNITO"],
    "AllowedOAuthFlowsUserPoolClient": True,
    "AllowedOAuthFlows": ["code"],
    "AllowedOAuthScopes": ["openid"],
}
"""A public client, as operators are told to make one."""


@dataclass(frozen=True)
class Directory:
    """A user pool, and the app that its users sign in to."""

    cognito: Any
    pool: str
    app: str

    @classmethod
    def create(cls, emulator: Emulator) -> "Directory":
        cognito = emulator.client("cognito-idp")
        pool = cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
        made = cognito.create_user_pool_client(UserPoolId=pool, **APP)
        return cls(cognito, pool, made["UserPoolClient"]["ClientId"])

    def lead_back_to(self, gallery: str) -> None:
        """Signing in and out on the issuer's pages ends at the gallery with that URL."""
        self.cognito.update_user_pool_client(
            UserPoolId=self.pool,
            ClientId=self.app,
            CallbackURLs=[f"{gallery}signed-in"],
            LogoutURLs=[gallery],
            **APP,
        )

    @property
    def issuer(self) -> str:
        return f"https://cognito-idp.{REGION}.amazonaws.com/{self.pool}"

    @property
    def keys_path(self) -> str:
        """Where the pool's keys are, at AWS and in the emulator."""
        return f"/{self.pool}/.well-known/jwks.json"

    def add(self, name: str) -> str:
        """A new user, whose tokens have that name too; answers the subject that they have."""
        user = {"UserPoolId": self.pool, "Username": name}
        called = [{"Name": "name", "Value": name}]
        made = self.cognito.admin_create_user(
            **user, UserAttributes=called, MessageAction="SUPPRESS"
        )["User"]
        self.cognito.admin_set_user_password(**user, Password=PASSWORD, Permanent=True)
        attributes = {each["Name"]: each["Value"] for each in made["Attributes"]}
        return str(attributes["sub"])

    def sign_in(self, name: str) -> str:
        """The ID token: it is the one that names our app as its audience."""
        answer = self.cognito.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId=self.app,
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )
        return str(answer["AuthenticationResult"]["IdToken"])

    def client(self, name: str, url: str) -> httpx.Client:
        """The user's, of the API at that URL."""
        headers = {"Authorization": f"Bearer {self.sign_in(name)}"}
        return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)


@dataclass(frozen=True)
class Person:
    """A user who has signed in by that name. `api` sends their token along."""

    name: str
    subject: str
    user: UserId
    api: httpx.Client


Arrive = Callable[[str], Person]
"""Signs a new user up and in; names may repeat."""


@contextmanager
def arrivals(directory: Directory, url: str) -> Iterator[Arrive]:
    """People for the API at that URL. Their connections end with the block."""
    with ExitStack() as clients:

        def arrive(name: str) -> Person:
            name = f"{name}-{uuid.uuid4()}"
            subject = directory.add(name)
            api = clients.enter_context(directory.client(name, url))
            return Person(name, subject, user_id(directory.issuer, subject), api)

        yield arrive


def shown(person: Person) -> list[int]:
    """The cursors on the person's first page, newest first."""
    return first_page(person.api)


def first_page(api: httpx.Client) -> list[int]:
    """The cursors on it, newest first."""
    page = api.get("/api/images").raise_for_status().json()
    return [image["cursor"] for image in page["images"]]

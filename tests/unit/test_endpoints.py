"""Where DynamoDB is, by AWS's own variables: as AWS's own SDK has it, for every region."""

import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointResolutionError

from chalicelib.botocore_client import client
from chalicelib.dynamodb.endpoints import endpoint_of, host_of, region_of
from chalicelib.model.errors import ConfigError

BOTH = (False, True)


@cache
def data(name: str, service: str = "") -> Any:
    """A file of the SDK's own."""
    loader = botocore.session.get_session().get_component("data_loader")
    return loader.load_service_model(service, name) if service else loader.load_data(name)


def regions() -> Iterator[str]:
    for partition in data("partitions")["partitions"]:
        yield from (name for name in partition["regions"] if not name.endswith("-global"))


REGIONS = sorted(regions())


@cache
def rules() -> EndpointProvider:
    return EndpointProvider(data("endpoint-rule-set-1", "dynamodb"), data("partitions"))


def test_the_sdk_knows_the_regions_that_are_meant_here() -> None:
    """Those of every partition, among them isolated ones and the European one."""
    assert len(REGIONS) > 40
    for begin in ("us-gov-", "cn-", "us-iso-", "us-isob-", "eu-isoe-", "us-isof-", "eusc-"):
        assert [region for region in REGIONS if region.startswith(begin)]


@pytest.mark.parametrize("region", REGIONS)
def test_dynamodb_of_each_region_is_where_the_sdk_finds_it(region: str) -> None:
    """With and without FIPS and dual-stack; and it is signed for the region itself."""
    for fips, dual_stack in itertools.product(BOTH, BOTH):
        found = rules().resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=dual_stack)
        assert f"https://{host_of(region, fips=fips, dual_stack=dual_stack)}" == found.url
        assert found.properties == {}
    assert region_of({"AWS_REGION": region}) == region


@pytest.mark.parametrize(
    "variables",
    [
        {"AWS_USE_FIPS_ENDPOINT": "true"},
        {"AWS_USE_DUALSTACK_ENDPOINT": "True"},
        {"AWS_USE_FIPS_ENDPOINT": "TRUE", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {"AWS_USE_FIPS_ENDPOINT": "false"},
    ],
    ids=str,
)
@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1"])
def test_the_sdks_variables_mean_what_they_mean_to_the_sdk(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], region: str
) -> None:
    """For DynamoDB as for what botocore calls: the stream, SQS, STS."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB"):
        monkeypatch.delenv(name, raising=False)
    given = {"AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"}
    for name, value in {**given, **variables}.items():
        monkeypatch.setenv(name, value)
    is_true = {name for name, value in variables.items() if value.lower() == "true"}
    found = rules().resolve_endpoint(
        Region=region,
        UseFIPS="AWS_USE_FIPS_ENDPOINT" in is_true,
        UseDualStack="AWS_USE_DUALSTACK_ENDPOINT" in is_true,
    )
    assert endpoint_of(variables, region) == found.url
    for service in ("sqs", "sts", "dynamodbstreams"):
        config = client(service).meta.config
        assert bool(config.use_fips_endpoint) == ("AWS_USE_FIPS_ENDPOINT" in is_true)
        assert bool(config.use_dualstack_endpoint) == ("AWS_USE_DUALSTACK_ENDPOINT" in is_true)


@pytest.mark.parametrize(
    "region", ["aws-global", "local", "fips-us-east-1", "us-east-1-fips", "eu-central", "EU-WEST-1"]
)
def test_what_is_no_region_is_refused(region: str) -> None:
    """The SDK would make an address of it that nobody answers at."""
    with pytest.raises(ConfigError, match="AWS_DEFAULT_REGION"):
        region_of({"AWS_DEFAULT_REGION": region})


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_a_variable_that_says_neither_is_refused(name: str) -> None:
    """Who asks for FIPS must not get an address without it for a slip of the pen."""
    with pytest.raises(ConfigError, match=f"{name} must be true or false"):
        endpoint_of({name: "yes"}, "eu-west-1")


@pytest.mark.parametrize("name", ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"])
def test_an_address_of_ones_own_is_not_also_aws(name: str) -> None:
    """The SDK refuses that too: nobody can say whether it is what was asked for."""
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL"):
        endpoint_of({name: "true", "AWS_ENDPOINT_URL": "http://a"}, "eu-west-1")
    with pytest.raises(EndpointResolutionError, match="not supported"):
        rules().resolve_endpoint(
            Region="eu-west-1",
            UseFIPS="FIPS" in name,
            UseDualStack="DUALSTACK" in name,
            Endpoint="http://a",
        )


def test_addresses_may_be_ignored() -> None:
    ignoring = {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://a"}
    assert endpoint_of(ignoring, "eu-west-1") == "https://dynamodb.eu-west-1.amazonaws.com"


def test_the_region_is_lambdas_or_the_sdks() -> None:
    both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
    assert region_of(both) == "eu-west-1"
    assert region_of({"AWS_DEFAULT_REGION": "eu-west-2"}) == "eu-west-2"
    with pytest.raises(ConfigError, match="AWS_DEFAULT_REGION"):
        region_of({})


@pytest.mark.parametrize(
    ("environ", "region", "url"),
    [
        ({}, "eu-west-1", "https://dynamodb.eu-west-1.amazonaws.com"),
        ({}, "us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"),
        ({}, "cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://a"}, "eu-west-1", "http://a"),
        (
            {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_DYNAMODB": "http://b"},
            "eu-west-1",
            "http://b",
        ),
    ],
)
def test_dynamodb_is_where_the_sdk_would_look(
    environ: Mapping[str, str], region: str, url: str
) -> None:
    assert endpoint_of(environ, region) == url


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000",
        "ftp://host",
        "http://",
        "http://host/path",
        "http://me@host",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_refused_by_its_variables_name(url: str) -> None:
    """Rather than that something is sent to where nobody meant."""
    with pytest.raises(ConfigError, match="AWS_ENDPOINT_URL must be"):
        endpoint_of({"AWS_ENDPOINT_URL": url}, "eu-west-1")

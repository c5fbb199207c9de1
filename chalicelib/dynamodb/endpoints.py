"""DynamoDB's address, from AWS's own variables and the region.

AWS's SDK reads this from 2 MB of data, which takes longer than the rest of a cold start. A test
holds what stands here against that data, for each region and each variable.
"""

import re
from collections.abc import Mapping

from chalicelib.model.errors import ConfigError

ADDRESS = r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?/?"

_SUFFIXES = {
    "cn-": ("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    "eusc-": ("amazonaws.eu", "api.amazonwebservices.eu"),
    "us-iso-": ("c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob-": ("sc2s.sgov.gov", "api.aws.scloud"),
    "eu-isoe-": ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    "us-isof-": ("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    "": ("amazonaws.com", "api.aws"),
}
"""How a partition's regions begin, to the ends of its host names: over IPv4, and over both IPv4 and
IPv6 (dual-stack)."""


def region_of(environ: Mapping[str, str]) -> str:
    """ConfigError where it is missing, or is none: a pseudo-region such as `aws-global`."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigError("No region is set. Set AWS_DEFAULT_REGION, such as eu-central-1.")
    if not is_region(region):
        raise ConfigError(
            "AWS_REGION or AWS_DEFAULT_REGION is no region. Name one such as eu-central-1; for "
            "FIPS endpoints set AWS_USE_FIPS_ENDPOINT=true beside it."
        )
    return region


def is_region(name: str) -> bool:
    """Words and a number, as in `us-gov-west-1`. What begins with `fips` was a region's name once,
    for an address and not for a signature."""
    *words, number = name.split("-")
    is_number = number.isdecimal() and number.isascii()
    return is_number and len(words) >= 2 and words[0] != "fips" and all(map(is_word, words))


def is_word(text: str) -> bool:
    return text.isalpha() and text.isascii() and text.islower()


def endpoint_of(environ: Mapping[str, str], region: str) -> str:
    """The URL of DynamoDB: what AWS's own variables name, else that of the region."""
    fips = is_true(environ, "AWS_USE_FIPS_ENDPOINT")
    dual_stack = is_true(environ, "AWS_USE_DUALSTACK_ENDPOINT")
    named = named_endpoint(environ)
    if named is None:
        return f"https://{host_of(region, fips=fips, dual_stack=dual_stack)}"
    if fips or dual_stack:
        raise ConfigError(
            "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT choose among AWS's own "
            "addresses, and AWS_ENDPOINT_URL names another. Unset either."
        )
    return named


def host_of(region: str, *, fips: bool, dual_stack: bool) -> str:
    """Returns DynamoDB's host in the region; `fips` means with FIPS 140 cryptography,
    `dual_stack` also over IPv6."""
    ends = next(ends for begin, ends in _SUFFIXES.items() if region.startswith(begin))
    # GovCloud's usual address is its FIPS one, but for dual-stack.
    is_named = fips and (dual_stack or not region.startswith("us-gov-"))
    return f"dynamodb{'-fips' if is_named else ''}.{region}.{ends[dual_stack]}"


def named_endpoint(environ: Mapping[str, str]) -> str | None:
    if is_true(environ, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return None
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"):
        if url := environ.get(name):
            return checked(url, name)
    return None


def checked(url: str, variable: str) -> str:
    """The URL; ConfigError where it is more than a scheme, a host and a port, or less."""
    if not re.fullmatch(ADDRESS, url):
        raise ConfigError(
            f"{variable} must be an address such as https://host or http://host:8000."
        )
    return url


def is_true(environ: Mapping[str, str], name: str) -> bool:
    """Whether the variable says so; ConfigError where it says neither."""
    value = environ.get(name, "").lower()
    if value not in ("", "true", "false"):
        raise ConfigError(f"{name} must be true or false.")
    return value == "true"

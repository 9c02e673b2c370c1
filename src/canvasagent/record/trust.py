"""What a record may decide, and what only the user may.

Records come from other people, too. A record may name parts of this installation: policies, profiles, backends and
plug-ins that are installed, by their names. It may not decide where pictures and keys go, which files are read or
which code is imported. What it names beyond the installation is a claim:

    the base URL of its policy, unless it is the one that the environment names anyway
    a policy's argument that is more than a name: `replay:PATH`
    a profile or backend that is an address, a file or `package.module:Class`
    a Python file, as a policy or a backend
    settings of backends that load weights or ask servers

A claim is refused until the user names the same thing in the same command, or trusts the record; a file is never taken
from a record, trusted or not. Before that, nothing is imported, no connection is made and no key is read. An address
that only a record names gets no key from the environment even if the record is trusted: the key is for another host.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from canvasagent.backends.missing_requirements import COMPLETE
from canvasagent.backends.profile import (
    BACKENDS,
    REMOTE,
    Profile,
    built_in_backends,
    profile_names,
    profile_record,
)
from canvasagent.endpoints.address import NO_KEY, general_address, same_address
from canvasagent.errors import InputError, StorageError
from canvasagent.plugins import names_file
from canvasagent.storage.foreign_json import excerpt, first_problem

if TYPE_CHECKING:
    from canvasagent.record.trajectory import Trajectory

NAMED_BY_ARGUMENT = frozenset({"openai", "random-valid"})
"""Policies of this package whose argument is a name or a number, and no path or address."""
FREE_SETTINGS = frozenset(
    {
        "temperature",
        "max_tokens",
        "view_pixels",
        "sampling_seed",
        "constrain",
        "describe",
        "timeout",
        "retries",
        "tool_pictures",
        "input_price",
        "output_price",
    }
)
"""Settings of a policy that a record may decide."""
LISTED = 12
"""Most claims that a message lists."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a record names and may not decide."""

    what: str
    value: str
    option: str
    """The option of the command line that names it."""
    trustable: bool = True
    """Whether trusting the record is enough to use it; if not, the user has to name it."""

    @property
    def words(self) -> str:
        """The claim for a person, without control characters."""
        return f"{self.what} ({excerpt(_printable(self.value))})"


@dataclass(frozen=True, slots=True)
class Named:
    """The user's choices in this command; None leaves one to the record."""

    policy: str | None = None
    base_url: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """Policy and profile of a resumed run."""

    policy: str
    settings: dict[str, Any]
    """Fields of `PolicySettings`, as far as the record decides them."""
    profile: str | Profile


def recorded(record: Trajectory, named: Named, *, trust: bool = False) -> Recorded:
    """Policy and profile for resuming a run: the user's choice, else the record's.

    Raises `InputError` that lists what the record names and may not decide, unless `trust`; `StorageError` where the
    recorded profile is damaged.
    """
    refuse(f"run {record.id}", claims_of(record, named), trust)
    settings: dict[str, Any] = {}
    if named.policy in (None, record.policy):
        settings = {name: value for name, value in record.policy_settings.items() if name in FREE_SETTINGS}
        if named.base_url is None and _address_claims(record.policy, record.policy_settings):
            settings |= {"base_url": str(record.policy_settings["base_url"]), "api_key": NO_KEY}
    profile: str | Profile = named.profile if named.profile is not None else _keyless(_profile_in(record))
    return Recorded(named.policy or record.policy, settings, profile)


def recorded_profile(record: Trajectory, *, trust: bool = False) -> str | Profile:
    """The profile that a run was made with; its name alone where the record does not hold it. Raises as `recorded`."""
    profile = _profile_in(record)
    refuse(f"run {record.id}", profile_claims(profile), trust)
    return _keyless(profile)


def claims_of(record: Trajectory, named: Named | None = None) -> list[Claim]:
    """What a record names, may not decide, and the user has not named."""
    named, claims = named or Named(), list[Claim]()
    if named.policy is None:
        claims += _policy_claims(record.policy)
    if named.policy in (None, record.policy) and named.base_url is None:
        claims += _address_claims(record.policy, record.policy_settings)
    if named.profile is None:
        claims += profile_claims(_profile_in(record))
    return claims


def refuse(whose: str, claims: Sequence[Claim], trust: bool) -> None:
    """Raise `InputError` that lists `claims`, unless there are none or the record is trusted with all of them."""
    if not claims or (trust and all(claim.trustable for claim in claims)):
        return
    whose = excerpt(_printable(whose))
    words = list(dict.fromkeys(claim.words for claim in claims))
    listed = "; ".join(words[:LISTED]) + (f"; and {len(words) - LISTED} more" if len(words) > LISTED else "")
    options = " and ".join(dict.fromkeys(claim.option for claim in claims))
    allow = (
        "or allow what the record names with --trust-record (in Python: trust_record=True); an address that only a "
        "record names gets no key of yours."
    )
    if not all(claim.trustable for claim in claims):
        allow = "since a file is never taken from a record, not even with --trust-record."
    raise InputError(
        f"{whose} names what a record may not decide: {listed}. Nothing was imported and nothing was sent. "
        f"Name what you want to use with {options}, {allow}"
    )


def profile_claims(profile: str | Profile) -> list[Claim]:
    """What a profile out of a record names beyond this installation."""
    if isinstance(profile, str):
        return [] if profile in profile_names() else [_profile_claim(profile)]
    claims = profile_claims(profile.extends) if profile.extends is not None else []
    installed = set(BACKENDS.names())
    for tool, spec in profile.backends.items():
        if spec not in installed:
            trustable = spec.startswith(REMOTE) or not names_file(spec)
            claims.append(Claim(f"the backend of {tool}", spec, "--profile", trustable))
    harmless = {spec for spec in built_in_backends() if spec.startswith(COMPLETE)}
    for tool, settings in profile.options.items():
        if settings and profile.backends.get(tool) not in harmless:
            shown = json.dumps(profile_record(profile)["options"][tool], ensure_ascii=False, default=str)
            claims.append(Claim(f"settings of the backend of {tool}", shown, "--profile"))
    return claims


def _profile_claim(name: str) -> Claim:
    is_file = Path(name).suffix == ".toml"
    what = "a profile's file" if is_file else "a profile elsewhere" if name.startswith(REMOTE) else "a profile"
    return Claim(what, name, "--profile", trustable=not is_file)


def _policy_claims(policy: str) -> list[Claim]:
    name, colon, argument = policy.partition(":")
    if name in NAMED_BY_ARGUMENT:
        return []
    if names_file(policy):
        return [Claim("a policy's file", policy, "--policy", trustable=False)]
    if not (colon and argument):
        return []
    return [Claim("a policy with an argument", policy, "--policy")]


def _address_claims(policy: str, settings: Mapping[str, Any]) -> list[Claim]:
    """The address of a policy's server, where it is not the one that the environment names."""
    address = settings.get("base_url")
    if not address:
        return []
    ours = policy.partition(":")[0] == "openai" and same_address(str(address), general_address())
    return [] if ours else [Claim(f"the server of the policy {policy}", str(address), "--base-url")]


def _profile_in(record: Trajectory) -> str | Profile:
    if not record.profile_settings:
        return record.profile
    try:
        return Profile.model_validate(record.profile_settings)
    except ValidationError as error:
        raise StorageError(f"the profile in run {record.id} cannot be read: {first_problem(error)}.") from error


def _keyless(profile: str | Profile) -> str | Profile:
    """The profile, with no key for the addresses that are in it."""
    if isinstance(profile, str):
        return _keyless_spec(profile)
    return profile.model_copy(
        update={
            "extends": _keyless_spec(profile.extends) if profile.extends is not None else None,
            "backends": {tool: _keyless_spec(spec) for tool, spec in profile.backends.items()},
            "options": {
                tool: {**settings, "api_key": NO_KEY} if "base_url" in settings else settings
                for tool, settings in profile.options.items()
            },
        }
    )


def _keyless_spec(spec: str) -> str:
    if not spec.startswith(REMOTE):
        return spec
    from canvasagent.backends.remote import without_key

    return REMOTE + without_key(spec.removeprefix(REMOTE))


def _printable(text: str) -> str:
    """`text`, escaped where it holds control characters, which could move a terminal's cursor."""
    return text if text.isprintable() else ascii(text)

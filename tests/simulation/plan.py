"""What a seed stands for: who takes part, and how rough it gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

FAULTS = (
    "never-arrived",
    "reply-lost",
    "resent",
    "doubled",
    "late",
    "slow",
    "throttled",
    "conflict",
    "crash-before",
    "crash-sent",
    "crash-after",
)
"""What can become of a call; `tests.simulation.network` says what each is."""

TROUBLES = ("dropped", "duplicated", "unfiltered")
"""What can become of a stream's record besides."""

KINDS = (
    "saver",
    "keyed-saver",
    "deleter",
    "syncer",
    "pager",
    "follower",
    "viewer",
    "sweeper",
    "eraser",
    "rebuilder",
    "verifier",
    "migrator",
)
BELLS = 4


@dataclass(frozen=True, slots=True)
class Part:
    """One who takes part: `user` is the number of the user that it acts for."""

    kind: str
    name: str
    user: int
    pace: float = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """`faults` and `troubles` give the chance of each. Seconds of virtual time, on average:
    `travel` one way of a call, `spread` from one item of a transaction being shown to the next.
    `lag`: how many moments an eventually consistent read may be behind. `torn`: the chance that
    others act after each item that a query reads. `old`: entries that are there at the beginning;
    `legacy`: whether the partition has them in their first form."""

    seed: int
    users: int
    parts: tuple[Part, ...]
    faults: Mapping[str, float] = field(default_factory=dict)
    troubles: Mapping[str, float] = field(default_factory=dict)
    travel: float = 0.005
    spread: float = 0.005
    lag: int = 0
    torn: float = 0
    old: int = 0
    legacy: bool = False

    def without(self, part: Part) -> "Plan":
        return replace(self, parts=tuple(other for other in self.parts if other != part))

    def spared(self, fault: str) -> "Plan":
        faults = {name: chance for name, chance in self.faults.items() if name != fault}
        troubles = {name: chance for name, chance in self.troubles.items() if name != fault}
        return replace(self, faults=faults, troubles=troubles)

    def __str__(self) -> str:
        names = ", ".join(
            f"{part.name}(user {part.user}, pace {part.pace:g})" for part in self.parts
        )
        faults = ", ".join(f"{n} {c:.3f}" for n, c in {**self.faults, **self.troubles}.items())
        return (
            f"seed {self.seed}: {self.users} users, {self.old} old entries"
            f"{' in their first form' if self.legacy else ''}; {names}; "
            f"travel {self.travel:g} s, spread {self.spread:g} s, lag {self.lag}, "
            f"torn {self.torn:g}; faults: {faults or 'none'}"
        )


def plan_of(seed: int) -> Plan:
    random = Random(f"plan/{seed}")
    users = random.choice((1, 1, 1, 2, 3))
    return Plan(
        seed=seed,
        users=users,
        parts=_parts(random, users),
        faults=_chances(random, FAULTS, random.choice((0, 0.02, 0.04, 0.1))),
        troubles=_chances(random, TROUBLES, random.choice((0, 0.05, 0.2))),
        travel=random.choice((0.001, 0.005, 0.02)),
        spread=random.choice((0.0005, 0.005, 0.05, 0.3)),
        lag=random.choice((0, 20, 200)),
        torn=random.choice((0, 0, 0.05, 0.3)),
        old=_old(random),
        legacy=random.random() < 0.3,
    )


def _parts(random: Random, users: int) -> tuple[Part, ...]:
    always = ["saver", "saver", "deleter", "pager"]
    kinds = [*always, *(random.choice(KINDS) for _ in range(random.randint(4, 8)))]
    parts = [
        Part(kind, f"{kind}-{n}", random.randrange(users), random.choice((1, 1, 1, 5, 40)))
        for n, kind in enumerate(kinds, start=1)
    ]
    bells = [Part("bell", f"bell-{n}", 0, random.choice((1, 1, 10))) for n in range(BELLS)]
    return (*parts, *bells)


def _chances(random: Random, names: tuple[str, ...], level: float) -> dict[str, float]:
    """For each about as much as the level says; in some seeds one or two of them alone."""
    if level and random.random() < 0.4:
        return dict.fromkeys(random.sample(names, random.randint(1, 2)), 2 * level)
    return {name: level * random.uniform(0, 1) for name in names} if level else {}


def _old(random: Random) -> int:
    if random.random() < 0.03:
        return random.randint(95, 140)
    return random.choice((0, 0, 0, 6, 15))

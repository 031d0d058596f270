"""The answer: every gate a call passes, what each says, and what to do about a refusal. Pure."""

from dataclasses import dataclass

from eco2_operator.naming import Manifest


@dataclass(frozen=True, slots=True)
class Step:
    """One gate."""

    gate: str
    allowed: bool
    objects: tuple[str, ...]
    """What decides; empty: nothing stands there."""
    text: str
    todo: str = ""
    notes: tuple[str, ...] = ()

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        data: Manifest = {"gate": self.gate, "allowed": self.allowed, "objects": list(self.objects), "text": self.text}
        if self.todo:
            data["todo"] = self.todo
        if self.notes:
            data["notes"] = list(self.notes)
        return data


@dataclass(frozen=True, slots=True)
class Way:
    """One way a call may take; it passes every gate of it, or does not arrive."""

    title: str
    steps: tuple[Step, ...]

    @property
    def allowed(self) -> bool:
        """Whether every gate is open."""
        return all(step.allowed for step in self.steps)

    def as_data(self) -> Manifest:
        """For ``-o json`` and ``-o yaml``."""
        return {"way": self.title, "allowed": self.allowed, "steps": [step.as_data() for step in self.steps]}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a call arrives."""

    ways: tuple[Way, ...]
    every: bool = False
    """Whether it has to arrive on every way: those of several pods of one store. Else one will do."""

    @property
    def allowed(self) -> bool:
        """The answer."""
        return (all if self.every else any)(way.allowed for way in self.ways)

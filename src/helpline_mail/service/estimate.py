"""What is likely for a query that arrives: gathered from the past, foreseen, and said or not."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import history
from helpline_mail.domain.estimate import (
    Calibration,
    Estimate,
    arrival,
    calibration,
    foresee,
    spoken_estimate,
    why_silent,
)
from helpline_mail.domain.policy import Policy


def estimate(connection: Connection, policy: Policy, arrived_at: datetime, now: datetime) -> Estimate:
    """What may be expected for a query that arrived then. Also where nothing is said of it, to be compared later."""
    here = arrival(policy.hours, arrived_at, history.waiting(connection))
    foreseen = foresee(history.of_load(connection, policy.hours, here, now), here, policy.response)
    if foreseen is None:
        return Estimate(here.waiting, None, "")
    silence = why_silent(foreseen, policy.response, calibrated(connection, policy, now))
    return Estimate(here.waiting, foreseen, silence if policy.estimate else "promise.estimate is off")


def calibrated(connection: Connection, policy: Policy, now: datetime) -> Calibration:
    """How the latest estimates turned out, said or not."""
    return calibration(history.foreseen(connection, policy.hours, now), now)


def facts_of(estimate: Estimate) -> dict[str, Any]:
    """An estimate as the trail keeps it."""
    foreseen = estimate.foreseen
    return {
        "waiting": estimate.waiting,
        "foreseen_seconds": None if foreseen is None else int(foreseen.total_seconds()),
        "estimate_said": estimate.is_said,
    }


def explained(estimate: Estimate | None) -> str:
    """A clause of the trail about what was foreseen, and why nothing is said of it; empty if nothing was."""
    if estimate is None or estimate.foreseen is None:
        return ""
    silence = f", which is not said because {estimate.silence}" if estimate.silence else ""
    return f"; most like queries were answered within about {spoken_estimate(estimate.foreseen)}{silence}"

"""Why the proxy itself answers, instead of the provider."""

from dataclasses import dataclass

from selfheald.domain.budget import BudgetName


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Exception):  # noqa: N818 - it becomes the answer
    """An answer in place of the provider's."""

    status: int
    code: str
    message: str
    """For the agent and for people; never holds a secret."""
    refused: str = ""
    """What was refused, for the attempt's list; empty: nothing was."""


_WHICH = {
    BudgetName.ATTEMPT: "limits.cost_usd_per_attempt is used up",
    BudgetName.PROJECT: "the project's limits.cost_usd_per_day is used up",
    BudgetName.DAY: "cost_usd_per_day of all projects is used up",
    BudgetName.TOKENS: "limits.tokens_per_attempt is used up",
}


def over_budget(name: BudgetName) -> Problem:
    """A status that no client tries again."""
    return Problem(
        status=400,
        code="budget_used_up",
        message=f"selfheald: {_WHICH[name]}; no further request is let through",
        refused=f"budget {name}",
    )


def not_let_through(what: str) -> Problem:
    """A path, method or form that is not the model's."""
    return Problem(status=404, code="not_let_through", message="selfheald: not let through", refused=what)


def bad_request(message: str, refused: str) -> Problem:
    """A request that is not let through as it is."""
    return Problem(status=400, code="not_let_through", message=f"selfheald: {message}", refused=refused)


WRONG_TOKEN = Problem(
    status=401, code="invalid_api_key", message="selfheald: a wrong word in place of the key", refused="a wrong token"
)
NO_KEY = Problem(status=401, code="invalid_api_key", message="selfheald: the model's key is missing on its machine")
CLOSED = Problem(status=400, code="attempt_over", message="selfheald: the attempt is over")


def unreachable(what: str) -> Problem:
    """The provider could not be reached, or broke off."""
    return Problem(status=502, code="model_unreachable", message=f"selfheald: the model's API {what}")


SILENT = Problem(status=504, code="model_timeout", message="selfheald: the model's API did not answer in time")

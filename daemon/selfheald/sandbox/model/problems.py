"""Why the proxy itself answers, instead of the provider."""

from selfheald.domain.budget import BudgetName


class Problem(Exception):  # noqa: N818 - it becomes the answer
    """An answer in place of the provider's.

    ``message`` is for the agent and for people, and never holds a secret. ``refused`` is what was refused, for the
    attempt's list; empty: nothing was.
    """

    def __init__(self, status: int, code: str, message: str, *, refused: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = f"selfheald: {message}"
        self.refused = refused


_WHICH = {
    BudgetName.ATTEMPT: "`limits.cost_usd_per_attempt` is used up",
    BudgetName.PROJECT: "the project's `limits.cost_usd_per_day` is used up",
    BudgetName.DAY: "`cost_usd_per_day` of all projects is used up",
    BudgetName.TOKENS: "`limits.tokens_per_attempt` is used up",
}


def over_budget(name: BudgetName) -> Problem:
    """A budget is used up. With this status no client tries again."""
    return Problem(400, "budget_used_up", f"{_WHICH[name]}; the model is not asked any more", refused=f"budget {name}")


def not_let_through(what: str) -> Problem:
    """A path or a method that is not the model's."""
    return Problem(404, "not_let_through", "only the model's own paths are let through", refused=what)


def bad_request(message: str, refused: str) -> Problem:
    """A request that is not let through as it is."""
    return Problem(400, "not_let_through", message, refused=refused)


def wrong_token() -> Problem:
    """The agent's token is not shown, or something else is shown as well."""
    return Problem(
        401, "invalid_api_key", "a wrong word in place of the key", refused="a wrong word in place of the key"
    )


def no_key() -> Problem:
    """The daemon cannot read its key."""
    return Problem(401, "invalid_api_key", "the model's key cannot be read")


def closed() -> Problem:
    """The attempt ends."""
    return Problem(400, "attempt_over", "the attempt is over")


def unreachable(what: str) -> Problem:
    """The provider could not be reached, or broke off."""
    return Problem(502, "model_unreachable", f"the model's API {what}")


def silent() -> Problem:
    """The provider did not answer in time."""
    return Problem(504, "model_timeout", "the model's API did not answer in time")

from exporter.web.budget import GUESSES, PLACES_KEPT, WAITING, Budget, Payment


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def buy(budget: Budget, address: str, cost: int = 10, waiting: int = 0) -> Payment:
    payment = budget.pay(address, cost, waiting)
    assert payment is not None
    return payment


def guess(budget: Budget, address: str, seconds: float = 0.05, cost: int = 10) -> None:
    budget.settle(buy(budget, address, cost), seconds, was_right=False)


def test_the_price_is_that_of_the_last_check_at_this_cost() -> None:
    budget = Budget(Clock())
    assert [buy(Budget(Clock()), "a", cost).price for cost in (8, 10, 14)] == [0.0125, 0.05, 0.8]
    guess(budget, "a", 0.25)
    assert buy(budget, "a").price == 0.25
    assert buy(budget, "a", 11).price == 0.1, "another cost has a price of its own"


def test_a_right_pair_costs_nothing() -> None:
    budget = Budget(Clock())
    for _ in range(100):
        budget.settle(buy(budget, "a", 14), 0.8, was_right=True)
    guess(budget, "a", 0.8, 14)


def test_an_address_gets_its_guess_back_when_it_was_right() -> None:
    budget = Budget(Clock())
    for _ in range(int(GUESSES) - 1):
        guess(budget, "a", 0.0)
    budget.settle(buy(budget, "a"), 0.0, was_right=True)
    guess(budget, "a", 0.0)
    assert budget.pay("a", 10, 0) is None
    assert budget.pay("b", 10, 0) is not None


def test_a_wrong_pair_costs_the_repute_for_an_hour() -> None:
    clock = Clock()
    budget = Budget(clock)
    guess(budget, "a", 0.8, 14)
    assert budget.pay("a", 14, 0) is None, "the half for all is used up"
    budget.settle(buy(budget, "b", 14), 0.8, was_right=True)
    guess(budget, "b", 0.8, 14)
    assert budget.pay("c", 14, 0) is None, "what is kept is used up as well"
    clock.now += 3599
    guess(budget, "c", 0.8, 14)
    assert budget.pay("a", 14, 0) is None
    clock.now += 1
    assert buy(budget, "a", 14).had_repute


def test_checks_under_way_count_as_wrong_ones() -> None:
    """Otherwise an address could ask many times at once before the first answer takes its repute."""
    budget = Budget(Clock())
    assert buy(budget, "a", 14).had_repute
    assert budget.pay("a", 14, 1) is None
    assert budget.pay("b", 14, 1) is not None


def test_places_in_the_queue_are_kept_too() -> None:
    budget = Budget(Clock())
    guess(budget, "a")
    assert budget.pay("a", 10, WAITING - PLACES_KEPT) is None
    assert budget.pay("b", 10, WAITING - 1) is not None
    assert budget.pay("c", 10, WAITING) is None

from exporter.web.buckets import Bucket, Buckets


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_full_bucket_gives_its_capacity_at_once() -> None:
    bucket = Bucket(3, 1, Clock())
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_it_fills_with_time_up_to_its_capacity() -> None:
    clock = Clock()
    bucket = Bucket(2, 0.5, clock)
    assert bucket.take(2)
    clock.now += 2
    assert bucket.level == 1
    clock.now += 1000
    assert bucket.level == 2


def test_spending_may_end_in_debt_that_time_pays_off() -> None:
    clock = Clock()
    bucket = Bucket(1, 1, clock)
    bucket.spend(3)
    assert bucket.level == -2
    clock.now += 3
    assert bucket.take()


def test_a_full_bucket_affords_what_is_dearer_than_it_holds() -> None:
    clock = Clock()
    bucket = Bucket(2, 1, clock)
    assert bucket.affords(2)
    assert bucket.affords(50)
    bucket.spend(0.5)
    assert bucket.affords(1.5)
    assert not bucket.affords(1.6)
    assert not bucket.affords(50)


def test_each_key_has_its_own_bucket_until_too_many_came_after_it() -> None:
    clock = Clock()
    buckets = Buckets(2, lambda: Bucket(1, 0.001, clock))
    assert buckets["a"].take()
    assert not buckets["a"].take()
    assert buckets["b"].take()
    assert not buckets["a"].take()
    assert buckets["c"].take()
    assert not buckets["a"].take(), "used more lately than b"
    assert buckets["b"].take(), "forgotten"

"""Events under random use and random faults, against a model of what may come of them."""

import pytest

import event_model
import postgres
import programs
from event_trial import FORGETFUL


@pytest.fixture(scope="module")
def cluster():
    """One that may be killed, and then has forgotten what nobody waited for."""
    with postgres.Cluster(settings=FORGETFUL) as cluster:
        yield cluster


@pytest.mark.parametrize("seed, crash", [(1, False), (2, True), (3, True)])
def test_events_do_as_the_model_says(cluster, stubs, seed, crash):
    with programs.Database(cluster.url()) as database:
        event_model.run(stubs, cluster, database, seed, crash)

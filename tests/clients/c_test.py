"""A C program against the installed library, as pkg-config describes it."""

import os
import re
import subprocess

import pytest

import programs
from talking import line, running

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "c")


@pytest.fixture(scope="module")
def program(installed):
    return installed.compile(os.path.join(HERE, "client.c"))


def node(stubs, service, **more):
    """One that no check changes."""
    return stubs.registry.RegisterNodeRequest(
        service=service, host="h", port=1, check=stubs.registry.NODE_CHECK_NONE, **more)


def nodes(registry, stubs, service):
    try:
        return list(registry.ListNodes(stubs.registry.ListNodesRequest(service=service)).nodes)
    except Exception as error:
        assert error.code().name == "NOT_FOUND"
        return []


def test_the_library_gives_out_only_names_of_its_own(installed):
    done = subprocess.run(["nm", "-D", "--defined-only", installed.library], check=True,
                          capture_output=True, text=True)
    names = [row.split()[-1].split("@")[0] for row in done.stdout.splitlines()]
    allowed = (r"junction_|(registry|extension|api_reader|auth|event)__|JUNCTION_1"
               r"|google__(api__http_body|protobuf__(any|timestamp)|rpc__status)__")
    assert {"junction_node_start", "api_reader__upload_request__descriptor"} <= set(names)
    assert [name for name in names if not re.match(allowed, name)
            and not name.startswith(("__asan", "__odr_asan", "__tsan"))] == []


def test_a_stream_is_read_waited_for_and_cancelled(program, server):
    with running(program, server.address, "stream") as process:
        assert [line(process) for _ in range(5)] == [
            "message", "cursor yes", "wait", "wait", "failed 1"]


def test_a_watch_hands_on_each_change_once_across_a_restart(program, database, stubs):
    address = f"127.0.0.1:{programs.free_port()}"
    server = programs.Server(database.url, "--listen", address)
    try:
        with running(program, address, "watch") as process:
            assert line(process) == "reset"
            for round in range(3):
                with server.channel() as channel:
                    registry = stubs.registry_grpc.RegistryStub(channel)
                    for i in range(20):
                        registry.RegisterNode(node(stubs, "c-watch", node=f"n-{round}{i:02}"))
                    if round < 2:
                        server.kill()
                        server.process.stdout.close()
                        server = programs.Server(database.url, "--listen", address)
            seen = []
            while len(seen) < 60:
                word, _, rest = line(process).partition(" ")
                assert word in ("put", "troubled")
                seen += [rest] if word == "put" else []
            assert seen == [f"n-{round}{i:02}" for round in range(3) for i in range(20)]
    finally:
        server.stop()


def test_a_snapshot_of_several_messages_begins_once(program, server, registry, stubs):
    for i in range(250):
        registry.RegisterNode(node(stubs, "c-long", node=f"n-{i:03}"))
    with running(program, server.address, "watch") as process:
        assert line(process) == "reset"
        seen = {line(process) for _ in range(250)}
    assert seen == {f"put n-{i:03}" for i in range(250)}
    for i in range(250):
        registry.DeregisterNode(stubs.registry.DeregisterNodeRequest(service="c-long", node=f"n-{i:03}"))


def test_a_subscription_hands_on_each_event_once_across_a_restart(program, database, stubs):
    address = f"127.0.0.1:{programs.free_port()}"
    server = programs.Server(database.url, "--listen", address)
    try:
        with running(program, address, "subscribe", "c-test.*") as process:
            for round in range(3):
                with server.channel() as channel:
                    events = stubs.event_grpc.EventStub(channel)
                    for i in range(20):
                        events.Publish(stubs.event.PublishRequest(event="c-test.x", data=str(round * 20 + i)))
                    if round < 2:
                        server.kill()
                        server.process.stdout.close()
                        server = programs.Server(database.url, "--listen", address)
            seen = []
            while len(seen) < 60:
                word, _, rest = line(process).partition(" ")
                assert word in ("c-test.x", "troubled")
                seen += [int(rest)] if word == "c-test.x" else []
            assert seen == list(range(60))
    finally:
        server.stop()


def test_nodes_are_kept_and_removed(program, server, registry, stubs):
    services = [f"c-{i}" for i in range(8)]
    with running(program, server.address, "node", *services) as process:
        assert sorted(line(process) for _ in services) == [f"registered {s}" for s in services]
        found = nodes(registry, stubs, "c-3")
        assert [n.lease_ms for n in found] == [6000]
        registry.DeregisterNode(stubs.registry.DeregisterNodeRequest(
            service="c-3", node=found[0].name))
        assert [line(process), line(process)] == ["lost c-3", "restored c-3"]
        assert [n.name for n in nodes(registry, stubs, "c-3")] == [found[0].name]
        # Somebody takes its lease away.
        registry.RegisterNode(node(stubs, "c-5", node=nodes(registry, stubs, "c-5")[0].name))
        assert [line(process), line(process)] == ["lost c-5", "restored c-5"]
        assert nodes(registry, stubs, "c-5")[0].lease_ms == 6000
    assert not any(nodes(registry, stubs, service) for service in services)

"""What nobody should send, and what it must not do to others."""

import concurrent.futures
import time

import grpc
import pytest

import programs


def invoke(channel, method, payload, timeout=30):
    """Sends bytes as they are."""
    call = channel.unary_unary(method, request_serializer=lambda b: b,
                               response_deserializer=lambda b: b)
    return call(payload, timeout=timeout)


def code_of(channel, method, payload, timeout=30):
    with pytest.raises(grpc.RpcError) as caught:
        invoke(channel, method, payload, timeout)
    return caught.value


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


REGISTER = "/junction.v1.Registry/RegisterServer"
SERVICE = "/junction.v1.Registry/RegisterService"


@pytest.mark.parametrize("method", ["/junction.v1.Registry/Nothing", "/nobody.v1.Nothing/Call",
                                    "/", "/x"])
def test_unknown_methods_are_unimplemented_at_once(channel, method):
    # The deadline is far away: C core alone would let the call hang until then.
    assert code_of(channel, method, b"", 600).code() == grpc.StatusCode.UNIMPLEMENTED


def test_deep_nesting_is_refused(channel):
    # Unknown field 15 nested in itself is skipped, whatever its depth; a known recursive type does
    # not exist in this service, so groups do it: 64 is the limit.
    payload = b"\x7b" * 10_000 + b"\x7c" * 10_000
    assert code_of(channel, REGISTER, payload).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_empty_submessages_do_not_take_memory(server, channel):
    payload = b"\x52\x00" * (1 << 20)  # 2 MiB of empty map entries
    before = memory(server)
    error = code_of(channel, SERVICE, payload)
    assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INVALID_ARGUMENT)
    assert memory(server) - before < 64 << 20


def memory(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("payload, what", [
    (b"\x0a\x05ab", "cut"), (b"\x0a\x02\xff\xfe", "server_name"), (b"\x0a\x03a\x00b", "server_name"),
    (b"\x00\x01", "field"), (b"\x0c", "group"), (b"\x0a" + b"\xff" * 11, "varint")])
def test_malformed_messages_are_invalid_arguments(channel, payload, what):
    error = code_of(channel, REGISTER, payload)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, what
    if "_" in what:
        assert what in error.details()


def test_a_message_beyond_the_limit_is_refused(channel):
    error = code_of(channel, REGISTER, b"\x0a" + varint(5 << 20) + b"x" * (5 << 20))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_metadata_of_the_bridge_is_not_believed_from_others(channel, stubs, database, registry):
    m = stubs.registry
    registry.RegisterServer(m.RegisterServerRequest(server_name="meta", host="h", port=1),
                            metadata=(("junction-caller-address", "6.6.6.6:6"),
                                      ("junction-hops", "99")))
    rows = database.rows("SELECT caller_address FROM registry.change WHERE service_key = 'meta'")
    assert rows and all("6.6.6.6" not in row[0] for row in rows)


def test_calls_beyond_the_limit_are_refused_at_once(database, stubs):
    hanging = programs.Upstream(lambda request: (time.sleep(3), (200, {}, b"{}"))[1])
    server = programs.Server(database.url, "--call-limit", "4")
    try:
        with hanging, server.channel() as channel:
            registry = stubs.registry_grpc.RegistryStub(channel)
            m = stubs.registry
            registry.RegisterServer(m.RegisterServerRequest(server_name="slow", host="127.0.0.1",
                                                            port=hanging.port))
            registry.RegisterService(m.RegisterServiceRequest(server_name="slow",
                                                              service_name="x", uri="/"))

            def call(_):
                try:
                    registry.Call(m.CallRequest(service="slow", action="x"), timeout=30)
                    return grpc.StatusCode.OK
                except grpc.RpcError as error:
                    return error.code()
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                codes = list(pool.map(call, range(16)))
            assert codes.count(grpc.StatusCode.OK) == 4
            assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 12
            assert registry.ListServices(m.ListServicesRequest()).services
    finally:
        server.stop()


def test_a_deadline_ends_a_call_and_frees_it(registry, stubs, server):
    arrived = []
    m = stubs.registry
    with programs.Upstream(lambda request: (arrived.append(1), time.sleep(2),
                                            (200, {}, b"1"))[2]) as hanging:
        registry.RegisterServer(m.RegisterServerRequest(server_name="late", host="127.0.0.1",
                                                        port=hanging.port))
        registry.RegisterService(m.RegisterServiceRequest(server_name="late", service_name="x",
                                                          uri="/"))
        with pytest.raises(grpc.RpcError) as caught:
            registry.Call(m.CallRequest(service="late", action="x"), timeout=0.3)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert arrived

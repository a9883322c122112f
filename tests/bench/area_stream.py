"""A stream of a million small messages, over gRPC and through the bridge (area stream)."""

import load
import wire

COUNT = 1_000_000


def size_of_all(count):
    """Bytes of CountResponse {number} from 1 to count as gRPC: head of 5, tag, number."""
    longer = sum(max(0, count - (1 << 7 * k) + 1) for k in range(1, 10))
    return count * (5 + 1 + 1) + longer


def measure_stream(bench):
    request, size = wire.message({1: COUNT}), size_of_all(COUNT)
    server, bridge = bench.trial

    def grpc(address, method):
        return lambda: load.h2load_stream(address, method, request, COUNT, size)

    def http(accept):
        return lambda: load.curl_stream(f"http://{bridge.address}/trial/count?count={COUNT}", accept,
                                        COUNT)
    through_grpc = grpc(server.address, "/junction.v1.Trial/Count")
    bench.compare("messages/s", "stream gRPC", through_grpc, "bare C core stream",
                  grpc(bench.echo.address, "/junction.bench.Echo/Count"))
    for name, accept in (("NDJSON", "application/x-ndjson"), ("SSE", "text/event-stream")):
        bench.compare("messages/s", f"stream {name}", http(accept), "stream gRPC", through_grpc)

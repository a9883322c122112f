"""Heartbeats of many nodes beside UPDATEs of as many rows (area heartbeat)."""

import load
import wire
from area_calls import REGISTER_NODE

NODES = 10_000
HEARTBEAT = "/junction.v1.Registry/Heartbeat"
NODE = {1: "beat-###", 2: "host-####"}
# registry.lease with a row for each node.
TABLE = f"""
CREATE TABLE bench_lease (
	namespace text COLLATE "C" NOT NULL, service_key text COLLATE "C" NOT NULL,
	node_key text COLLATE "C" NOT NULL, renewed_at timestamptz NOT NULL,
	PRIMARY KEY (namespace, service_key, node_key)) WITH (fillfactor = 50);
INSERT INTO bench_lease SELECT 'default', 'beat', 'host-' || n, now()
FROM generate_series(0, {NODES - 1}) n;
VACUUM ANALYZE bench_lease;
"""
UPDATE = f"""\\set n random(0, {NODES - 1})
UPDATE bench_lease SET renewed_at = now()
 WHERE namespace = 'default' AND service_key = 'beat' AND node_key = 'host-' || :n;
"""
UPDATED = """SELECT n_tup_upd FROM pg_stat_user_tables
 WHERE schemaname = 'registry' AND relname = 'lease'"""
DURABILITY = ("a heartbeat's answer means: this server knows it; it is written without waiting for "
              "the disk within a quarter of the lease, and a node is given that quarter on top")


def measure_heartbeat(bench):
    server, database = bench.server, bench.database
    # No node may expire while pgbench has its turn.
    lease = max(30, 2 * bench.seconds)
    load.calls_once(server.address, REGISTER_NODE, wire.message(
        {**NODE, 3: "10.20.30.40", 4: 8000, 9: 1000 * lease}), NODES)
    database.rows(TABLE)

    def updated():
        return int(database.rows(UPDATED)[0][0])

    def heartbeats(outstanding):
        before = updated()
        sample = load.calls(bench.seconds, server.address, HEARTBEAT, wire.message(NODE),
                            outstanding, count=NODES)
        sample.told = {"rows_of_registry.lease_updated_about": updated() - before}
        return sample
    for outstanding in (64, 256):
        row = bench.compare(
            "calls/s", f"registry.heartbeat of {NODES} nodes {outstanding} outstanding",
            lambda outstanding=outstanding: heartbeats(outstanding),
            "pgbench UPDATE 64 clients",
            lambda: load.pgbench(bench.seconds, database.url, UPDATE), goal=2.0)
        row["notes"] += [f"leases of {lease} s", DURABILITY]

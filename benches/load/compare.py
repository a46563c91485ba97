#!/usr/bin/env python3
"""ruko's speed as a share of the limit program's. README.md beside this file says how to run it.

A scenario is KIND-ROWS or KIND-ROWSxTENANTS: list-1000, single-100000, insert-1000x50.

For each scenario and number of connections wrk loads the two servers in turn (A B A B ...), each pair gives one
ratio, and the median of the ratios counts, shown with the smallest and the largest.

wrk runs with one thread (-t1). One thread sends several times what either server can answer on the cores left to
it, it is the only number that also works with one connection, and a second one would take time from the servers
where all share few cores. Should it ever be the bottleneck, its share of a core (shown in the table) nears 1 and
this program warns, because the ratio is then flattered.

The share of a core that a busy loop gets before and after each run is shown too ("core granted", the smallest):
well below 1 the machine, or the host under a virtual one, is busy with something else, and only the ratio counts.

Before every run, of either server, the files of BOTH are brought to exactly the scenario's rows with the same
contents: rows an insert run left are deleted, the AUTOINCREMENT counter is set back, the file is packed with
VACUUM and its WAL is emptied. This goes straight into the SQLite files, while neither server is under load. The
program then asks both servers for their totals, and compares their bodies byte by byte.

Any answer outside 2xx, socket error, missing row or difference between the bodies ends the program with status 1.
"""

import argparse
import json
import os
import pathlib
import re
import shlex
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent

DEFAULT_SCENARIOS = [
    "list-1000", "list-100000", "single-1000", "single-100000", "insert-1000",
    "list-1000x50", "single-1000x50", "insert-1000x50",
]

# The statement of limit/main.rs, so that a row has the same contents in both.
FILL = """WITH RECURSIVE n(id) AS (SELECT ?1 UNION ALL SELECT id + 1 FROM n WHERE id < ?2)
INSERT INTO products (id, name, description, price_minor, stock, image, is_active, created_at, updated_at)
SELECT id, 'Product ' || id, iif(id % 2, NULL, 'Description of product ' || id), 100 * (1000 + id % 50000), id % 100,
    NULL, 1, 1761833130000, 1761833130000 FROM n"""


class Failure(Exception):
    """The comparison is worth nothing; the text says why."""


class Scenario:
    def __init__(self, name):
        match = re.fullmatch(r"(list|single|insert)-([1-9]\d*)(?:x([1-9]\d*))?", name)
        if not match:
            raise Failure(f"{name}: a scenario looks like list-1000 or insert-1000x50")
        self.name = name
        self.kind = match[1]
        self.rows = int(match[2])
        self.tenants = int(match[3] or 1)

    def target(self, connections):
        """The share of the limit program that ruko promises, or None where it promises nothing."""
        if self.tenants > 1:
            return 0.7 if self.kind == "insert" and connections == 64 else None
        if self.kind == "insert":
            return {1: 0.85, 16: 0.6, 64: 0.6}.get(connections)
        return {"list": 0.75, "single": 0.65}[self.kind] if connections in (16, 64) else None


class Tenant:
    """What one request needs: where it goes, as whom, and the file behind it."""

    def __init__(self, prefix, key, token, file):
        self.prefix, self.key, self.token, self.file = prefix, key, token, file

    def headers(self):
        headers = {"Host": "localhost"}
        if self.key:
            headers["X-Tenant-API-Key"] = self.key
            headers["Authorization"] = f"Bearer {self.token}"
        return headers


class Side:
    def __init__(self, name, url, command):
        self.name, self.url, self.process, self.tenants = name, url.rstrip("/"), None, []
        if command:
            # A group of its own, so that what the command starts (cargo starts the server) ends with it.
            self.process = subprocess.Popen(shlex.split(command), start_new_session=True)

    def stop(self):
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass  # It has ended by itself, and every request has said so.
            self.process.wait()

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            except urllib.error.HTTPError:
                return  # Any answer will do here, a 404 too.
            except urllib.error.URLError as error:
                ended = self.process and self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    raise Failure(f"{self.name} does not answer at {self.url}: {error.reason}") from error
                time.sleep(0.2)

    def find_tenants(self, files, credentials):
        """Only once the server runs: the limit program makes its files at start."""
        if credentials:
            entries = json.loads(pathlib.Path(credentials).read_text())
            found = [entry.get("file") for entry in entries]
            if None in found:
                if not files:
                    raise Failure(f"{self.name}: the credentials name no files; give --{self.name}-files")
                found = sorted(pathlib.Path(files).glob("*.db"))
            if len(found) != len(entries):
                raise Failure(f"{self.name}: {len(entries)} credentials but {len(found)} files")
            self.tenants = [Tenant("", e["key"], e["token"], f) for e, f in zip(entries, found)]
        else:
            if not files:
                raise Failure(f"give --{self.name}-files")
            numbers = range(len(list(pathlib.Path(files).glob("*.db"))))
            self.tenants = [Tenant(f"/{n}", "", "", pathlib.Path(files, f"{n}.db")) for n in numbers]

    def chosen(self, scenario):
        if scenario.tenants > len(self.tenants):
            raise Failure(f"{self.name} has {len(self.tenants)} tenants, {scenario.name} needs {scenario.tenants}")
        return self.tenants[: scenario.tenants]

    def call(self, tenant, path, body=None):
        """The body of a 2xx answer."""
        headers = tenant.headers() | ({"Content-Type": "application/json"} if body else {})
        request = urllib.request.Request(self.url + tenant.prefix + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                if answer.status // 100 != 2:
                    raise Failure(f"{self.name} answers {answer.status} to {path}")
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"{self.name} answers {error.code} to {path}: {error.read()[:300]!r}") from error

    def reset(self, scenario):
        for tenant in self.chosen(scenario):
            try:
                fill(tenant.file, scenario.rows)
            except sqlite3.Error as error:
                raise Failure(f"{self.name}: {tenant.file}: {error}") from error

    def rows(self, scenario):
        total = 0
        for tenant in self.chosen(scenario):
            conn = open_file(tenant.file)
            total += conn.execute("SELECT count(*) FROM products").fetchone()[0]
            conn.close()
        return total


def open_file(path):
    # mode=rw: a mistyped path must not become a new, empty file.
    uri = f"file:{urllib.parse.quote(str(path))}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)


def filled(conn):
    """The number of rows if they are what FILL makes, from 1 on without a gap; else None."""
    count, last, times = conn.execute(
        "SELECT count(*), coalesce(max(id), 0), coalesce(sum(updated_at), 0) FROM products").fetchone()
    return count if last == count and times == count * 1761833130000 else None


def fill(path, rows):
    """Brings the table to the rows 1 to `rows`, whatever an earlier run left."""
    conn = open_file(path)
    try:
        if filled(conn) == rows:
            return
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("DELETE FROM products WHERE id > ?", (rows,))
        last = filled(conn)
        if last is None:
            conn.execute("DELETE FROM products")
            last = 0
        if last < rows:
            conn.execute(FILL, (last + 1, rows))
        conn.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'products'", (rows,))
        conn.execute("COMMIT")
        conn.execute("VACUUM")
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        conn.close()


def check_same(sides, scenario, may_differ):
    """Both servers have the scenario's rows in each tenant, and answer alike."""
    for side in sides:
        for tenant in side.chosen(scenario):
            total = json.loads(side.call(tenant, "/api/products?per_page=20"))["total"]
            if total != scenario.rows:
                raise Failure(f"{side.name}: {tenant.file} has {scenario.rows} rows, the server says {total}")
    paths = ["/api/products?per_page=20", f"/api/products?per_page=20&page={(scenario.rows + 39) // 40}",
             "/api/products/1", f"/api/products/{scenario.rows}"]
    for path in paths:
        bodies = [side.call(side.tenants[0], path) for side in sides]
        if bodies[0] != bodies[1]:
            text = f"{path}: the bodies differ\n  " + "\n  ".join(
                f"{side.name}: {len(body)} bytes {body[:600]!r}" for side, body in zip(sides, bodies))
            if not may_differ:
                raise Failure(text)
            print(f"warning: {text}", file=sys.stderr)


def run_wrk(side, scenario, connections, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as targets:
        targets.writelines(f"{t.prefix}\t{t.key}\t{t.token}\n" for t in side.chosen(scenario))
        targets.flush()
        environment = os.environ | {
            "BENCH_KIND": scenario.kind, "BENCH_ROWS": str(scenario.rows), "BENCH_TARGETS": targets.name}
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s",
                   "-s", str(HERE / "requests.lua"), side.url]
        before = os.times()
        wrk = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        after = os.times()
    found = re.search(r"^RESULT (.*)$", wrk.stdout, re.MULTILINE)
    if wrk.returncode != 0 or not found:
        raise Failure(f"wrk ended with {wrk.returncode}:\n{wrk.stdout}")
    result = json.loads(found[1])
    bad = {name: result[name] for name in ("status", "connect", "read", "write", "timeout") if result[name]}
    if bad or not result["requests"]:
        raise Failure(f"{side.name}, {scenario.name}, {connections} connections: "
                      f"{result['requests']} requests, not all answered well: {bad}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "per_second": result["requests"] * 1e6 / result["microseconds"],
        "requests": result["requests"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "client_cpu": used * 1e6 / result["microseconds"],
    }


def granted():
    """The share of a core that a busy loop gets: below 1 the machine, or its host, is doing something else."""
    wall, used = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < 0.2:
        pass
    return (time.process_time() - used) / (time.perf_counter() - wall)


def measure(sides, side, scenario, connections, seconds):
    for each in sides:
        each.reset(scenario)
    before = scenario.rows * scenario.tenants
    core = granted()
    result = run_wrk(side, scenario, connections, seconds)
    result["core_granted"] = min(core, granted())
    if scenario.kind == "insert":
        added = side.rows(scenario) - before
        # wrk stops with requests under way, so there may be more rows than answers, never fewer.
        if added < result["requests"]:
            raise Failure(f"{side.name}: {result['requests']} inserts were answered, {added} rows are there")
    return result


def compare(sides, scenario, connections, options):
    for side in sides:
        measure(sides, side, scenario, connections, options.warmup)
    pairs = []
    for number in range(options.pairs):
        pair = [measure(sides, side, scenario, connections, options.seconds) for side in sides]
        pairs.append(pair)
        print(f"{scenario.name} c={connections} pair {number + 1}: "
              f"{pair[0]['per_second']:.0f} / {pair[1]['per_second']:.0f}", file=sys.stderr)
    ratios = [ruko["per_second"] / limit["per_second"] for ruko, limit in pairs]
    client = max(result["client_cpu"] for pair in pairs for result in pair)
    if client > 0.9:
        print(f"warning: wrk used {client:.2f} of a core; it holds the servers back", file=sys.stderr)
    core = min(result["core_granted"] for pair in pairs for result in pair)
    if core < 0.9:
        print(f"warning: at times a busy loop got {core:.2f} of a core; the absolute numbers are too low", file=sys.stderr)
    return {
        "scenario": scenario.name,
        "connections": connections,
        "ratio": {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)},
        "target": scenario.target(connections),
        **{side.name: {key: statistics.median(pair[i][key] for pair in pairs)
                       for key in ("per_second", "p50_us", "p99_us")} for i, side in enumerate(sides)},
        "client_cpu": client,
        "core_granted": core,
        "pairs": [{side.name: pair[i] for i, side in enumerate(sides)} for pair in pairs],
    }


def table(results):
    yield "| scenario | connections | ratio | min | max | target | met | ruko /s | limit /s | ruko p99 ms | limit p99 ms | client CPU | core granted |"
    yield "|---|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|"
    for r in results:
        ratio, target = r["ratio"], r["target"]
        met = "" if target is None else "yes" if ratio["median"] >= target else "NO"
        yield (f"| {r['scenario']} | {r['connections']} | {ratio['median']:.2f} | {ratio['min']:.2f} | {ratio['max']:.2f} "
               f"| {target or ''} | {met} | {r['ruko']['per_second']:.0f} | {r['limit']['per_second']:.0f} "
               f"| {r['ruko']['p99_us'] / 1000:.1f} | {r['limit']['p99_us'] / 1000:.1f} | {r['client_cpu']:.2f} "
               f"| {r['core_granted']:.2f} |")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("ruko", "limit"):
        parser.add_argument(f"--{name}-url", required=True, help="http://127.0.0.1:PORT")
        parser.add_argument(f"--{name}-files", help="folder with the SQLite files of the tenants")
        parser.add_argument(f"--{name}-cmd", help="command that starts it; without it, it must be running")
    parser.add_argument("--ruko-credentials",
                        help='[{"key","token","file"}...]; without "file", the *.db of --ruko-files in order of name. '
                             "Leave it out to hold a second limit program against the first and see the noise")
    parser.add_argument("--scenarios", nargs="+", default=DEFAULT_SCENARIOS)
    parser.add_argument("--connections", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=2, help="seconds, each server, before the first pair")
    parser.add_argument("--bodies-may-differ", action="store_true", help="warn instead of stopping")
    parser.add_argument("--json", help="file to write the JSON to (default: after the table)")
    return parser.parse_args()


def main():
    options = parse()
    scenarios = [Scenario(name) for name in options.scenarios]
    sides = []
    try:
        sides.append(Side("ruko", options.ruko_url, options.ruko_cmd))
        sides.append(Side("limit", options.limit_url, options.limit_cmd))
        for side in sides:
            side.wait_ready()
        sides[0].find_tenants(options.ruko_files, options.ruko_credentials)
        sides[1].find_tenants(options.limit_files, None)
        results = []
        for scenario in scenarios:
            for side in sides:
                side.reset(scenario)
            check_same(sides, scenario, options.bodies_may_differ)
            # Over many tenants only the full load says anything: one connection never meets itself.
            counts = options.connections if scenario.tenants == 1 else options.connections[-1:]
            results.extend(compare(sides, scenario, connections, options) for connections in counts)
    finally:
        for side in sides:
            side.stop()
    print("\n".join(table(results)))
    document = json.dumps({"seconds": options.seconds, "pairs": options.pairs, "results": results}, indent=1)
    if options.json:
        pathlib.Path(options.json).write_text(document + "\n")
    else:
        print(f"\n```json\n{document}\n```")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"compare: {failure}")

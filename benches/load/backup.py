"""What backups and restores of a large tenant cost those who go on working.

    cargo build --release
    python3 benches/load/backup.py --ruko target/release/ruko --mebibytes 1024 --runs 5

Measures, on one tenant of that size and a small one beside it: latencies of 200 writes a second while nothing else
happens and while the large tenant is backed up; the throughput of a backup against `sqlite3 .backup`, `zstd -3 -T1` and
`openssl enc -aes-256-ctr` one after the other over the same file; a restore under readers and writers; and the nightly
run over many small tenants. Works in a folder of its own and removes it. Only Linux. Needs sqlite3, zstd and openssl.
"""

import argparse
import http.client
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import threading
import time

from footprint import KEY, Server

MASTER = {"X-Master-API-Key": KEY}
WORDS = "nasi goreng ayam bakar sate kambing rendang soto betawi gado-gado tempe tahu sambal kopi teh susu jahe".split()


def text(length, chance):
    """Words and digits, as real rows are: zstd packs them to about a third."""
    words = []
    while length > 0:
        word = random.choice(WORDS) if chance.random() < 0.6 else f"{chance.getrandbits(40):x}"
        words.append(word)
        length -= len(word) + 1
    return " ".join(words)


def fill(path, mebibytes):
    chance, size = random.Random(7), mebibytes * 1024 * 1024
    with sqlite3.connect(path) as file:
        file.execute("INSERT INTO orders (status, total_minor, created_at, updated_at) VALUES ('paid', 1, 1, 1)")
        order = file.execute("SELECT max(id) FROM orders").fetchone()[0]
        pool = [text(900, chance) for _ in range(2000)]
        while True:
            rows = [(order, f"{chance.getrandbits(64):x} {chance.choice(pool)}{chance.getrandbits(512):x}") for _ in range(20000)]
            file.executemany("INSERT INTO order_items (order_id, name, unit_price_minor, quantity) VALUES (?, ?, 1, 1)", rows)
            file.commit()
            pages = file.execute("PRAGMA page_count").fetchone()[0] * file.execute("PRAGMA page_size").fetchone()[0]
            if pages >= size:
                break
    file.close()


class Tenant:
    def __init__(self, server, name, db_name):
        status, made = server.ask("POST", "/api/central/tenants", MASTER, {"name": name, "db_name": db_name})
        assert status == 201, made
        self.id, key = made["data"]["tenant_id"], made["data"]["api_key"]
        user = {"name": "Bench", "email": "bench@example.com", "password": "benchmark"}
        token = server.ask("POST", "/api/register", {"X-Tenant-API-Key": key}, user)[1]["token"]
        self.headers = {"X-Tenant-API-Key": key, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        product = {"name": "Kopi", "price": 1, "stock": 1}
        self.product = server.ask("POST", "/api/products", self.headers, product)[1]["id"]


class Load:
    """Requests at a steady rate, whatever the answers take; latencies count from when each was due."""

    def __init__(self, address, tenant, rate, writes, threads=8):
        self.latencies, self.failures, self.ended = [], [], threading.Event()
        self.address, self.tenant, self.writes = address, tenant, writes
        self.threads = [threading.Thread(target=self.run, args=(threads / rate, n / rate)) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, period, offset):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        due = time.monotonic() + offset
        while not self.ended.is_set():
            time.sleep(max(0, due - time.monotonic()))
            try:
                if self.writes:
                    connection.request("POST", "/api/products", '{"name":"Teh","price":1,"stock":1}', self.tenant.headers)
                else:
                    connection.request("GET", f"/api/products/{self.tenant.product}", headers=self.tenant.headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status >= 300:
                    self.failures.append(answer.status)
            except OSError as error:
                self.failures.append(repr(error))
                connection = http.client.HTTPConnection(self.address, timeout=60)
            self.latencies.append(time.monotonic() - due)
            due += period

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        ordered = sorted(self.latencies)
        return {
            "count": len(ordered),
            "p50_ms": round(1000 * ordered[len(ordered) // 2], 2),
            "p99_ms": round(1000 * ordered[int(len(ordered) * 0.99)], 2),
            "max_ms": round(1000 * ordered[-1], 1),
            "failures": self.failures,
        }


def while_it_lasts(folder, server, work):
    """Runs the work; gives its seconds, the largest write-ahead log and the growth of memory in MiB."""
    log, before, peak, wal, ended = folder + "/tenants/big.db-wal", server.rss_kib(), 0, 0, threading.Event()

    def watch():
        nonlocal peak, wal
        while not ended.is_set():
            peak = max(peak, server.rss_kib())
            wal = max(wal, os.path.getsize(log) if os.path.exists(log) else 0)
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.monotonic()
    outcome = work()
    took = time.monotonic() - begun
    ended.set()
    watcher.join()
    return outcome, took, wal / 1048576, (peak - before) / 1024


def job(server, path, body):
    """A job to its end; gives its result."""
    status, answer = server.ask("POST", path, MASTER | {"Prefer": "respond-async"}, body)
    assert status == 202, answer
    while answer["state"] in ("queued", "running"):
        time.sleep(0.02)
        answer = server.ask("GET", f"/api/central/jobs/{answer['id']}", MASTER)[1]
    assert answer["state"] == "succeeded", answer
    return answer["result"]


def pipe(live, folder):
    begun = time.monotonic()
    copy, packed, sealed = folder + "/pipe.db", folder + "/pipe.zst", folder + "/pipe.enc"
    subprocess.run(["sqlite3", live, f".backup {copy}"], check=True)
    subprocess.run(["zstd", "-q", "-3", "-T1", "-f", copy, "-o", packed], check=True)
    key = ["-K", "00" * 32, "-iv", "00" * 16]
    subprocess.run(["openssl", "enc", "-aes-256-ctr", *key, "-in", packed, "-out", sealed], check=True)
    subprocess.run(["sync", sealed], check=True)
    took = time.monotonic() - begun
    for path in (copy, packed, sealed):
        os.remove(path)
    return took


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def large(given, binary, folder):
    server = Server(binary, folder)
    big, other = Tenant(server, "Big", "big"), Tenant(server, "Other", "other")
    server.ask("POST", f"/api/central/tenants/{big.id}/freeze", MASTER, {})
    fill(folder + "/tenants/big.db", given.mebibytes)
    server.ask("POST", f"/api/central/tenants/{big.id}/thaw", MASTER, {})
    print(f"tenant of {os.path.getsize(folder + '/tenants/big.db') / 1048576:.0f} MiB")
    path = f"/api/central/tenants/{big.id}"

    ratios, backups, pipes = [], [], []
    for _ in range(given.runs):
        pipes.append(pipe(folder + "/tenants/big.db", folder))
        _, took, _, memory = while_it_lasts(folder, server, lambda: job(server, path + "/backup", {}))
        backups.append(took)
        ratios.append(pipes[-1] / took)
        print(f"  backup {took:.2f} s, +{memory:.0f} MiB; pipe {pipes[-1]:.2f} s")
    print(f"throughput: {spread(ratios)} of the pipe ({spread(backups)} s against {spread(pipes)} s)")

    p99s, others = [], []
    for _ in range(given.runs):
        calm = Load(server.address, other, 200, False)
        time.sleep(5)
        calm = calm.end()
        writers, readers = Load(server.address, big, 200, True), Load(server.address, other, 200, False)
        time.sleep(1)
        result, took, wal, memory = while_it_lasts(folder, server, lambda: job(server, path + "/backup", {}))
        wrote, read = writers.end(), readers.end()
        assert not wrote["failures"] and not read["failures"], (wrote, read)
        p99s.append(wrote["p99_ms"])
        others.append(read["p99_ms"] / calm["p99_ms"])
        print(f"  backup under writes: {took:.2f} s, log {wal:.0f} MiB, +{memory:.0f} MiB, writers {wrote}, others {read}, calm {calm}")
    print(f"writers' p99 while backed up: {spread(p99s)} ms; others' p99 against calm: {spread(others)}")

    file = result["data"]["filename"]
    p99s, waits, others = [], [], []
    for _ in range(given.runs):
        calm = Load(server.address, other, 200, False)
        time.sleep(5)
        calm = calm.end()
        readers, writers = Load(server.address, big, 100, False), Load(server.address, big, 20, True)
        beside = Load(server.address, other, 200, False)
        time.sleep(1)
        _, took, wal, memory = while_it_lasts(folder, server, lambda: job(server, path + "/restore", {"file": file}))
        read, wrote, beside = readers.end(), writers.end(), beside.end()
        p99s.append(read["p99_ms"])
        waits.append(wrote["max_ms"] / 1000)
        others.append(beside["p99_ms"] / calm["p99_ms"])
        print(f"  restore: {took:.2f} s, log {wal:.0f} MiB, +{memory:.0f} MiB, readers {read}, writers {wrote}, others {beside}, calm {calm}")
    print(f"readers' p99 while restored: {spread(p99s)} ms; longest wait of a writer: {spread(waits)} s; "
          f"others' p99 against calm: {spread(others)}")
    server.stop()


def many(given, binary, folder):
    """The nightly run: the schedule is due the minute after the start."""
    server = Server(binary, folder)
    first = Tenant(server, "First", "first")
    server.ask("POST", f"/api/central/tenants/{first.id}/freeze", MASTER, {})
    fill(folder + "/tenants/first.db", 1)
    server.ask("POST", f"/api/central/tenants/{first.id}/thaw", MASTER, {})
    for number in range(1, given.tenants):
        name = f"t{number}"
        made = server.ask("POST", "/api/central/tenants", MASTER, {"name": name, "db_name": name})[1]
        server.ask("POST", f"/api/central/tenants/{made['data']['tenant_id']}/freeze", MASTER, {})
        fill(f"{folder}/tenants/{name}.db", 1)
        server.ask("POST", f"/api/central/tenants/{made['data']['tenant_id']}/thaw", MASTER, {})
    server.stop()
    with sqlite3.connect(folder + "/central.db") as central:
        central.execute("INSERT INTO job_runs (job, started_at, finished_at, outcome, detail) "
                        "VALUES ('backup_daily', 0, 0, 'ok', 'long ago')")
    central.close()
    server = Server(binary, folder)
    before = server.descriptors()
    begun = time.monotonic()
    while True:
        with sqlite3.connect(folder + "/central.db") as central:
            done = central.execute("SELECT detail, finished_at - started_at FROM job_runs WHERE job = 'backup_daily' "
                                   "AND started_at > 0 AND outcome <> 'running'").fetchone()
        central.close()
        if done:
            break
        time.sleep(0.2)
    print(f"nightly run: {done[1] / 1000:.1f} s ({done[0]}), {server.rss_kib() / 1024:.0f} MiB, "
          f"{server.descriptors()} descriptors after ({before} before), waited {time.monotonic() - begun:.1f} s")
    server.stop()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ruko", required=True)
    arguments.add_argument("--mebibytes", type=int, default=1024)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--tenants", type=int, default=1000)
    arguments.add_argument("--only", choices=["large", "many"])
    given = arguments.parse_args()
    for part in (large, many):
        if given.only in (None, part.__name__):
            folder = tempfile.mkdtemp(prefix="ruko-backup-")
            try:
                part(given, os.path.abspath(given.ruko), folder)
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()

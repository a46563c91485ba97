"""What ruko costs: memory, file descriptors, time to start, time to make a tenant.

    cargo build --release
    python3 benches/load/footprint.py --ruko target/release/ruko --tenants 10000 --warm 500

Works in a folder of its own below the system's temporary folder and removes it. Only Linux: it reads /proc.
"""

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

KEY = "mk_footprint_0123456789abcdef0123"
UNLIMITED = ["REQUESTS_PER_MINUTE", "BEFORE_LOGIN_PER_MINUTE", "CENTRAL_PER_MINUTE"]


class Server:
    """A running server; `ready_secs` is the time from its start to the first good answer of /readyz."""

    def __init__(self, binary, folder):
        environment = {"RUKO_DATA_DIR": folder, "MASTER_API_KEY": KEY, "RUKO_HTTP_LISTEN": "127.0.0.1:0", "PATH": ""}
        environment |= {f"RUKO_LIMITS_{name}": "0" for name in UNLIMITED}
        started = time.monotonic()
        self.process = subprocess.Popen(
            [binary, "serve"], env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        self.address = line.strip().removeprefix("listening on http://")
        self.connection = http.client.HTTPConnection(self.address)
        assert self.ask("GET", "/readyz", {})[0] == 200, line
        self.ready_secs = time.monotonic() - started

    def ask(self, method, path, headers, body=None):
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")

    def status(self, field):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(field))

    def rss_kib(self):
        return self.status("VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--ruko", required=True)
    arguments.add_argument("--tenants", type=int, default=10_000)
    arguments.add_argument("--warm", type=int, default=500)
    given = arguments.parse_args()
    folder = tempfile.mkdtemp(prefix="ruko-footprint-")
    try:
        measure(os.path.abspath(given.ruko), folder, given.tenants, given.warm)
    finally:
        shutil.rmtree(folder)


def measure(binary, folder, tenants, warm):
    server = Server(binary, folder)
    time.sleep(2)
    print(f"idle, no tenant open: {server.rss_kib() / 1024:.1f} MiB, {server.descriptors()} file descriptors")
    master, keys, took = {"X-Master-API-Key": KEY}, [], []
    for number in range(tenants):
        started = time.monotonic()
        status, made = server.ask("POST", "/api/central/tenants", master, {"name": f"Tenant {number}"})
        took.append(time.monotonic() - started)
        assert status == 201, made
        keys.append({"X-Tenant-API-Key": made["data"]["api_key"]})
    quantiles = statistics.quantiles(took, n=100)
    print(f"making a tenant: median {statistics.median(took) * 1e3:.1f} ms, p99 {quantiles[98] * 1e3:.1f} ms")
    users = []
    for key in keys[:warm]:
        status, made = server.ask(
            "POST", "/api/register", key, {"name": "a", "email": "a@b.cd", "password": "secret", "role": "admin"}
        )
        assert status == 201, made
        users.append({**key, "Authorization": f"Bearer {made['token']}"})
    server.stop()

    starts = []
    for _ in range(5):
        server = Server(binary, folder)
        starts.append(server.ready_secs)
        server.stop()
    print(f"start until ready, {tenants} tenants on disk: median {statistics.median(starts) * 1e3:.0f} ms of 5")

    server = Server(binary, folder)
    # One tenant first, so that what is made once for all is not counted per tenant.
    touch(server, users[0])
    time.sleep(1)
    rss, descriptors = server.rss_kib(), server.descriptors()
    for user in users[1:]:
        touch(server, user)
    time.sleep(1)
    count = len(users) - 1
    print(
        f"each further open tenant (one writer, one reader): {(server.rss_kib() - rss) / count:.0f} KiB, "
        f"{(server.descriptors() - descriptors) / count:.1f} file descriptors; {count} of them"
    )
    server.stop()
    print(f"release binary: {os.path.getsize(binary) / 2**20:.1f} MiB")


def touch(server, user):
    status, made = server.ask("POST", "/api/products", user, {"name": "Kopi", "price": "15000.00"})
    assert status == 201, made
    assert server.ask("GET", "/api/products?per_page=20", user)[0] == 200


if __name__ == "__main__":
    main()

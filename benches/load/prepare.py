"""Makes tenants with one user each on a running ruko and writes their credentials for compare.py.

    python3 benches/load/prepare.py --url http://127.0.0.1:8000 --master-key KEY --tenants 50 > credentials.json

Start ruko for this with RUKO_LIMITS_REQUESTS_PER_MINUTE=0 RUKO_LIMITS_BEFORE_LOGIN_PER_MINUTE=0
RUKO_LIMITS_CENTRAL_PER_MINUTE=0 and a MASTER_API_KEY of your own.
"""

import argparse
import json
import urllib.request


def post(url, headers, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--master-key", required=True)
    arguments.add_argument("--tenants", type=int, default=50)
    arguments.add_argument("--files", required=True, help="the folder of the tenants' files: <data>/tenants")
    given = arguments.parse_args()
    credentials = []
    for number in range(given.tenants):
        db_name = f"bench_{number:03}"
        body = {"name": f"Bench {number}", "db_name": db_name}
        tenant = post(f"{given.url}/api/central/tenants", {"X-Master-API-Key": given.master_key}, body)
        key = tenant["data"]["api_key"]
        user = {"name": "Bench", "email": "bench@example.com", "password": "benchmark"}
        registered = post(f"{given.url}/api/register", {"X-Tenant-API-Key": key}, user)
        credentials.append({"key": key, "token": registered["token"], "file": f"{given.files}/{db_name}.db"})
    print(json.dumps(credentials, indent=1))


if __name__ == "__main__":
    main()

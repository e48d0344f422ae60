"""Ask every question of the probe table from inside the visitor's namespace; print what came, as JSON.

    run_probes.py ADDRESS FILE

One connection each, as a phone does. The name in the question is the probe's, the address that of the internet.
"""

import csv
import http.client
import json
import sys
from pathlib import Path


def main() -> None:
    told = []
    for row in csv.DictReader(Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()):
        link = http.client.HTTPConnection(sys.argv[1], 80, timeout=5)
        link.request("GET", row["path"], headers={"Host": row["host"], "User-Agent": "probe"})
        answer = link.getresponse()
        body = answer.read().decode("utf-8", "replace")
        said = {"status": answer.status, "location": answer.headers.get("Location", ""), "body": body}
        told.append({**said, "cache": answer.headers.get("Cache-Control", "")})
        link.close()
    print(json.dumps(told))


if __name__ == "__main__":
    main()

"""What bench/page.sh needs: a plan with very many jobs, a database that looks as if most of them had run, and a browser's requests.

Everything is measured from outside: bytes and milliseconds of answers, and processor time of the coordinator's process.
"""

import http.client
import json
import os
import random
import re
import sqlite3
import statistics
import sys
import threading
import time
import urllib.parse


def plan(jobs):
    each = jobs // 5
    stages = ["teacher", "student", "pruned", "int8", "last"]
    print("name: large\nmeasure: false\nstages:")
    for stage in stages:
        numbers = ",".join(str(i) for i in range(each))
        print(f'  {stage}:\n    command: {{ run: ["/bin/true"] }}\n    matrix: {{ i: [{numbers}] }}')


def talkers():
    script = (
        "i=0; while [ $i -lt 600 ]; do i=$((i+1)); "
        """echo '{"event":"epoch","epoch":'$i',"epochs":600,"metrics":{"val_accuracy":0.'$i'}}' >&3; """
        "sleep 0.5; done; echo '{\"event\":\"done\"}' >&3"
    )
    run = json.dumps(["/bin/sh", "-c", script])
    print("name: talkers\npriority: 100\nmeasure: false\nstages:")
    print(f"  talk:\n    command: {{ protocol: events, run: {run} }}\n    matrix: {{ i: [1, 2, 3, 4, 5, 6, 7, 8] }}")


def fill(path):
    """Most jobs have ended, each with an attempt, epochs and a point; the rest waits."""
    random.seed(1)
    db = sqlite3.connect(path)
    now = int(time.time() * 1000)
    db.execute("INSERT INTO agents (id, host, boot_id, incarnation, slots, devices_json, seen_ms) VALUES ('a1', 'gpu-1', 'b', 1, 4, '[]', ?)", [now])
    jobs = [row[0] for row in db.execute("SELECT id FROM jobs ORDER BY id")]
    ended, attempts, epochs, points = [], [], [], []
    for at, job in enumerate(jobs):
        draw = random.random()
        if draw > 0.8:
            continue
        failed = draw < 0.02
        state, klass = ("failed", "diverged") if failed else ("succeeded", None)
        end = now - 60_000 + at
        ended.append((state, 1, end, end, klass, "the loss is not a number" if failed else "", None if failed else "d", job))
        took = random.uniform(60, 600)
        attempts.append((job, 1, job, state, "a1", "cuda", at % 4, end - int(took * 1000), end - int(took * 1000), end, took, klass, ""))
        for epoch in (1, 2, 3):
            value = json.dumps({"val_accuracy": 0.5 + 0.1 * epoch, "val_loss": 2.0 / epoch})
            epochs.append((job, 1, epoch, 3, "", value, end - 1000 + epoch))
        if not failed:
            size = random.lognormvariate(13, 1)
            accuracy = min(0.99, 0.5 + 0.03 * (size**0.2) + random.gauss(0, 0.02))
            metrics = {"accuracy": accuracy, "size_onnx_bytes": size, "parameters": size / 4, "macs": size * 40, "latency_ms_b1": size / 1e6}
            points.append((job, "main", 0, 1, json.dumps(metrics)))
    db.executemany("INSERT INTO attempts (job, number, lease, state, agent, device, device_index, granted_ms, started_ms, finished_ms, run_s, failure_class, message, inputs_digest) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,'d')", attempts)
    db.executemany("UPDATE jobs SET state = ?, attempt = ?, changed_ms = ?, finished_ms = ?, failure_class = ?, message = ?, inputs_digest = ? WHERE id = ?", ended)
    db.executemany("INSERT INTO epochs (job, attempt, epoch, epochs, phase, metrics_json, at_ms) VALUES (?,?,?,?,?,?,?)", epochs)
    db.executemany("INSERT INTO points (job, name, ordinal, attempt, metrics_json) VALUES (?,?,?,?,?)", points)
    db.execute("INSERT INTO events (at_ms, actor, what, sweep, job, attempt, detail) SELECT finished_ms, 'sweep', state, sweep, id, 1, '' FROM jobs WHERE finished_ms IS NOT NULL")
    # Whatever waits shall wait: the agent that comes later is for others.
    db.execute("UPDATE sweeps SET paused = 1 WHERE name = 'large'")
    db.commit()


class Browser:
    def __init__(self, link):
        self.url = urllib.parse.urlsplit(link)
        self.cookies = {}
        form = self.ask("GET", f"{self.url.path}?{self.url.query}")[1].decode()
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
        self.ask("POST", self.url.path, urllib.parse.urlencode(fields))

    def headers(self):
        return {"cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), "content-type": "application/x-www-form-urlencoded"}

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.url.netloc)
        connection.request(method, path, body, self.headers())
        answer = connection.getresponse()
        for line in answer.headers.get_all("set-cookie") or []:
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, answer.read()


PAGES = [
    "/", "/sweeps/s1", "/sweeps/s1?page=400", "/sweeps/s1?state=failed", "/sweeps/s1?stage=student&sort=changed",
    "/sweeps/s1?q=i%3D77", "/sweeps/s1?x=macs&y=accuracy", "/jobs/j7", "/agents", "/agents/a1", "/events",
    "/api/v1/sweeps", "/api/v1/sweeps/s1", "/api/v1/sweeps/s1/jobs", "/api/v1/sweeps/s1/results", "/api/v1/jobs/j7", "/metrics",
]


def pages(link):
    browser = Browser(link)
    print(f"{'page':45}{'median ms':>10}{'most ms':>10}{'kB':>8}")
    for page in PAGES:
        times, size, status = [], 0, 0
        for _ in range(int(os.environ.get("ROUNDS", "15"))):
            began = time.perf_counter()
            status, body = browser.ask("GET", page)
            times.append(1000 * (time.perf_counter() - began))
            size = len(body)
        mark = "" if status == 200 else f"  status {status}"
        print(f"{page:45}{statistics.median(times):10.1f}{max(times):10.1f}{size / 1000:8.1f}{mark}")


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def live(link, pid, seconds=30):
    browser = Browser(link)
    # Until the eight report.
    while b'"running":8' not in (browser.ask("GET", "/api/v1/sweeps/s2")[1]).replace(b" ", b""):
        time.sleep(0.5)
    jobs = json.loads(browser.ask("GET", "/api/v1/sweeps/s2/jobs")[1])["items"]
    looked = ["/", "/sweeps/s2", "/sweeps/s1", "/agents"] + [f"/jobs/{job['id']}" for job in jobs]
    for pages_open in (0, 20):
        heard, streams = [0], []
        for i in range(pages_open):
            status, body = browser.ask("GET", looked[i % len(looked)])
            assert status == 200, (looked[i % len(looked)], status)
            body = body.decode()
            of, have = (re.search(rf'data-{name}="([^"]*)"', body).group(1).replace("&amp;", "&") for name in ("live", "have"))
            address = "/live?" + urllib.parse.urlencode({"of": of, "have": have})
            connection = http.client.HTTPConnection(browser.url.netloc)
            connection.request("GET", address, headers=browser.headers())
            answer = connection.getresponse()
            assert answer.status == 200, answer.status

            def listen(answer=answer):
                try:
                    while chunk := answer.read1(65536):
                        heard[0] += len(chunk)
                except (AttributeError, OSError, ValueError):
                    pass  # closed below

            threading.Thread(target=listen, daemon=True).start()
            streams.append(connection)
        time.sleep(3)
        before, began = cpu_s(pid), time.perf_counter()
        time.sleep(seconds)
        share = (cpu_s(pid) - before) / (time.perf_counter() - began)
        print(f"{pages_open:3} open pages: {100 * share:.2f} % of a core, {heard[0] / 1000:.0f} kB sent")
        for stream in streams:
            stream.close()


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    if command == "plan":
        plan(int(arguments[0]))
    else:
        {"talkers": talkers, "fill": fill, "pages": pages, "live": live}[command](*arguments)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks a real Triton again: every recorded case must still be what it answers, and its own clients must find there what they
find here. `./dev oracle` installs it (tools/setup oracle) and runs this.

    oracle.py             compare, then run the clients' tests
    oracle.py --record    write what it answers into the recordings, where it is not equal to what they hold
"""

import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import recorded
import recorded_grpc

HERE = pathlib.Path(__file__).resolve().parent
HOME = HERE.parents[2] / ".deps/oracle"
START_TIMEOUT_S = 180
OPTIONS = ("--model-control-mode=explicit", "--load-model=*", "--exit-on-error=false", "--cache-config=local,size=1048576")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class RealTriton:
    """A running one with the conformance models, as Python models; use it with `with`. Its log is in the folder given."""

    def __init__(self, folder):
        models = folder / "models"
        subprocess.run([sys.executable, "-B", HERE / "make_models.py", models, "--python"], check=True)
        self.http_port, self.grpc_port, metrics_port = free_ports(3)
        self.log = folder / "triton.log"
        program = HOME / "tritonserver"
        arguments = [program / "bin/tritonserver", f"--model-repository={models}", f"--backend-directory={program / 'backends'}",
                     f"--cache-directory={program / 'caches'}", f"--http-port={self.http_port}",
                     f"--grpc-port={self.grpc_port}", f"--metrics-port={metrics_port}", *OPTIONS]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, env={**os.environ, "LD_LIBRARY_PATH": str(HOME / "libs")})
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                sys.exit(f"Triton did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.2)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/v2/health/ready", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def as_response(answer, before):
    """What a recording holds of an answer: of the headers those that it held before."""
    response = {"status": answer.status, "headers": {name: answer.headers[name] for name in answer.headers
                                                     if name in recorded.COMPARED_HEADERS}}
    is_text = before is None or "body" in before
    content = answer.content
    response.update({"body": content.decode()} if is_text and not answer.binary else {"body_b64": base64.b64encode(content).decode()})
    if answer.shared is not None:
        response["shm_b64"] = base64.b64encode(answer.shared).decode()
    return response


def ask_http(triton, case, keep):
    found = []
    for number, step in enumerate(case["steps"]):
        got = recorded.send(triton.http_port, step["request"])
        lines = recorded.judge(step, got)
        found += [f"step {number}: {line}" for line in lines]
        if keep and lines:
            step["response"] = as_response(got, step["response"])
    return found


def ask_grpc(client, case, keep):
    found = []
    for number, step in enumerate(case["steps"]):
        got = client.send(step["request"])
        lines = recorded_grpc.judge(step, got)
        found += [f"step {number}: {line}" for line in lines]
        if keep and lines:
            step["response"] = got
    return found


def compare(folder, ask, keep):
    """All cases of a folder; answers how many differ, and says how."""
    different = total = 0
    for file in sorted((HERE / folder).glob("*.jsonl")):
        cases = recorded.read_cases(file)
        for case in cases:
            if case.get("refusal"):
                continue  # it would end this server
            total += 1
            if found := ask(case, keep):
                different += 1
                print(f"{folder}/{case['name']}:", *found, sep="\n  ")
        if keep:
            file.write_text("".join(json.dumps(case) + "\n" for case in cases))
    print(f"{folder}: {total - different} of {total} cases are as recorded")
    return different


def run_clients(triton):
    ports = f"{triton.http_port},{triton.grpc_port}"
    tests = subprocess.run([sys.executable, "-B", HERE / "test_clients.py"], env={**os.environ, "NESO_ORACLE_PORTS": ports})
    return tests.returncode


def main():
    if sys.argv[1:] not in ([], ["--record"]):
        sys.exit(__doc__)
    keep = "--record" in sys.argv
    with tempfile.TemporaryDirectory() as folder, RealTriton(pathlib.Path(folder)) as triton:
        different = compare("http", lambda case, keep: ask_http(triton, case, keep), keep)
        with recorded_grpc.Client(triton.grpc_port) as client:
            different += compare("grpc", lambda case, keep: ask_grpc(client, case, keep), keep)
        failed = run_clients(triton)
        if triton.process.poll() is not None:
            print(f"the real Triton ended by itself, with {triton.process.returncode}:\n{triton.log.read_text()[-2000:]}")
    sys.exit(1 if failed or different and not keep else 0)


if __name__ == "__main__":
    main()

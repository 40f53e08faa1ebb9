# SPDX-License-Identifier: Apache-2.0
"""Starts the real program on free ports and talks to it; what the integration tests share."""

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
NESO = pathlib.Path(os.environ.get("NESO_BINARY", ROOT / "build/release/neso"))
MODELS = ROOT / ".deps/models"
MINILM = MODELS / "all-minilm-l6-v2/1"
# Models that tests make and that take seconds to make; kept between runs.
MADE = ROOT / ".deps/test-models"
START_TIMEOUT_S = 120
# An answer is due at once; the rest is patience with a busy machine.
PATIENCE_S = 60
SANITIZED = os.environ.get("BUILT_WITH_SANITIZER", "") not in ("", "OFF")
# How a sanitizer begins a report. ThreadSanitizer goes on after one, and many tests do not ask how the server ended.
REPORT = re.compile(r"(WARNING|ERROR): \w+Sanitizer|runtime error: ")


def eventually(holds, what):
    """A guarantee that the server needs a moment for; what() says how things stand instead."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.02)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Server:
    """A running `neso serve` (or `tritonserver`); use it with `with`. Its log is in `log`, line by line."""

    def __init__(self, repository, *options, program=NESO, command=("serve",), prefix=()):
        arguments = [*prefix, str(program), *command, f"--model-repository={repository}", "--http-port=0",
                     "--grpc-port=0", "--metrics-port=0"]
        self.process = subprocess.Popen([*arguments, *options], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.log = []
        self.http_port = self.grpc_port = self.metrics_port = None
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self._started.wait(START_TIMEOUT_S)
        if self.metrics_port is None:
            self.stop()
            raise AssertionError("the server did not start:\n" + "\n".join(self.log))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))
            if found := re.search(r"Started (GRPCInferenceService|HTTPService|Metrics Service) at [^\"]*:(\d+)", line):
                if found[1] == "HTTPService":
                    self.http_port = int(found[2])
                elif found[1] == "GRPCInferenceService":
                    self.grpc_port = int(found[2])
                else:
                    self.metrics_port = int(found[2])
                    self._started.set()
        self._started.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, number=signal.SIGTERM, timeout=40):
        """Ends the server and answers its exit status; number None: it was told before."""
        if number is not None:
            if self.process.poll() and self.metrics_port is not None:
                self._reader.join(5)
                raise AssertionError(f"the server ended by itself, with {self.process.returncode}:\n" + self.log_text()[-8000:])
            self.process.send_signal(number)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not stop:\n" + "\n".join(self.log)) from None
        self._reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        assert not SANITIZED or not REPORT.search(self.log_text()), "a sanitizer's report:\n" + self.log_text()[-16000:]
        return self.process.returncode

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def log_text(self):
        return "\n".join(self.log)

    def wait_for_log(self, words):
        """Waits until a line of the log has these words."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while words not in self.log_text():
            if time.monotonic() > deadline or not self._reader.is_alive() and words not in self.log_text():
                raise AssertionError(f"the log never said {words!r}:\n" + self.log_text())
            time.sleep(0.005)

    def request(self, method, path, body=None, headers=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http_port, timeout=60)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def infer(self, model, inputs, **members):
        return self.request("POST", f"/v2/models/{model}/infer", {"inputs": inputs, **members})

    def embed(self, model, texts):
        """The vectors of texts, by the BYTES input `text`."""
        answer = self.infer(model, [{"name": "text", "datatype": "BYTES", "shape": [len(texts), 1], "data": texts}])
        assert answer.status == 200, answer.body
        (output,) = answer.json()["outputs"]
        width = output["shape"][1]
        return [output["data"][i * width:(i + 1) * width] for i in range(len(texts))]

    def metrics(self):
        return self.request("GET", "/metrics", port=self.metrics_port).body.decode()

    def counted(self, family, **labels):
        """The sum of a family's series that have these labels."""
        total = 0
        for line in self.metrics().splitlines():
            if line.startswith(family + "{") and all(f'{name}="{value}"' in line for name, value in labels.items()):
                total += float(line.split()[-1])
        return int(total)

    # --- the process ----------------------------------------------------------------------------

    def memory(self, field):
        """Bytes: VmRSS is what is resident now, VmHWM the most that was."""
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(rf"^{field}:\s+(\d+)", file.read(), re.M)[1]) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))


class TemporaryRepository:
    """A model repository in a temporary folder: add models, then give `path` to a Server."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="neso-test-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def add(self, name, *, version=1, config=None, files=()):
        """Files are (path in the version folder, source file) pairs, linked, or (path, bytes)."""
        folder = self.path / name / str(version)
        folder.mkdir(parents=True)
        if config is not None:
            (self.path / name / "config.pbtxt").write_text(config)
        for target, source in files:
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, bytes):
                path.write_bytes(source)
            else:
                os.link(source, path) if os.stat(source).st_dev == os.stat(folder).st_dev else shutil.copy(source, path)
        return folder

    def add_folder(self, name, source, *, config=None, only=None, without=()):
        """Every file of a model folder, or those whose names are in `only`."""
        source = pathlib.Path(source)
        files = []
        for path in sorted(source.rglob("*")):
            relative = path.relative_to(source).as_posix()
            if path.is_file() and (only is None or relative in only) and relative not in without:
                files.append((relative, path))
        return self.add(name, config=config, files=files)


def made_once(name, make):
    """A folder below MADE that make(folder) fills the first time; interrupted attempts are thrown away."""
    folder = MADE / name
    if not folder.exists():
        MADE.mkdir(parents=True, exist_ok=True)
        partial = pathlib.Path(tempfile.mkdtemp(dir=MADE))
        make(partial)
        try:
            partial.rename(folder)
        except OSError:  # another test has made it meanwhile
            if not folder.exists():
                raise
            shutil.rmtree(partial)
    return folder


def run_tool(tool, *arguments):
    subprocess.run([os.environ.get("NESO_TEST_PYTHON", str(ROOT / ".deps/venv/bin/python")), str(ROOT / "tools" / tool),
                    *map(str, arguments)], check=True)


def small_bert():
    """A folder with a BERT of 2 narrow layers, random weights and MiniLM's tokenizer."""
    def make(folder):
        run_tool("make_bert.py", "--hidden", 64, "--layers", 2, "--heads", 4, "--intermediate", 128, "--out", folder)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((MINILM / name).read_bytes())

    return made_once("bert-small-random", make)


def some_encoder():
    """A folder with an encoder, when any will do: a sanitizer makes MiniLM a hundred times slower."""
    return small_bert() if SANITIZED else MINILM

# SPDX-License-Identifier: Apache-2.0
"""`neso embed` and the other commands that need no server."""

import json
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

from neso_server import MINILM, NESO


def run(*arguments, data=b"", **options):
    return subprocess.run([NESO, *map(str, arguments)], input=data, capture_output=True, timeout=1200, **options)


def vectors(*arguments, data):
    done = run("embed", "-m", MINILM, *arguments, data=data)
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["embedding"] for line in done.stdout.splitlines()]


class Embed(unittest.TestCase):
    def test_one_unit_vector_per_line_in_order(self):
        lines = [f"text number {i} " + "and more " * (i * 7 % 40) for i in range(300)]
        result = vectors(data="\n".join(lines).encode())
        self.assertEqual(len(result), 300)
        for vector in result:
            self.assertAlmostEqual(math.fsum(x * x for x in vector), 1, places=5)
        for i in (0, 17, 299):
            self.assertEqual(vectors(data=lines[i].encode())[0], result[i])

    def test_json_lines_and_files_give_the_same_as_plain_lines(self):
        plain = vectors(data=b"first\nsecond\n")
        self.assertEqual(vectors(data=b'{"text":"first","id":1}\n{"text":"second"}\n'), plain)
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, name) for name in ("a", "b")]
            paths[0].write_bytes(b"first\n")
            paths[1].write_bytes(b"second")
            self.assertEqual(vectors(*paths, data=b""), plain)

    def test_binary_formats_carry_the_same_floats(self):
        plain = [struct.pack("<384f", *vector) for vector in vectors(data=b"one\ntwo\n")]
        raw = run("embed", "-m", MINILM, "--format", "f32", data=b"one\ntwo\n")
        self.assertEqual(raw.stdout, b"".join(plain))
        npy = run("embed", "-m", MINILM, "--format=npy", data=b"one\ntwo\n")
        self.assertEqual(npy.stdout[:6], b"\x93NUMPY")
        self.assertIn(b"(2, 384)", npy.stdout[:128])
        self.assertEqual(npy.stdout[128:], raw.stdout)

    def test_a_bad_line_is_reported_by_number_and_the_rest_is_done(self):
        done = run("embed", "-m", MINILM, data=b"good\nbad \xff\nnul \0 is text\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"line 2", done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(["embedding" in row for row in rows], [True, False, True])

    def test_empty_input_gives_nothing(self):
        done = run("embed", "-m", MINILM, data=b"")
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_a_closed_output_pipe_ends_quietly(self):
        process = subprocess.Popen([NESO, "embed", "-m", MINILM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.close()
        try:
            process.stdin.write(b"a line\n" * 20000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        process.wait(60)
        self.assertGreaterEqual(process.returncode, 0)

    def test_a_name_is_looked_up_in_the_cache(self):
        with tempfile.TemporaryDirectory() as cache:
            pathlib.Path(cache, "models/mine").mkdir(parents=True)
            pathlib.Path(cache, "models/mine/1").symlink_to(MINILM)
            environment = {**os.environ, "NESO_CACHE": cache}
            self.assertEqual(run("embed", "-m", "mine", data=b"x", env=environment).returncode, 0)
            missing = run("embed", "-m", "other", data=b"x", env=environment)
            self.assertEqual(missing.returncode, 1)
            self.assertIn(b"no model 'other'", missing.stderr)
            self.assertIn(b"the cache holds mine\n", missing.stderr)

    def test_usage_errors_exit_with_2(self):
        for arguments in (["embed", "--fromat=npy"], ["embed", "--format=csv", "-m", MINILM], ["embed", "--precision=fp8", "-m", MINILM],
                          ["embed", "--engine=tpu", "-m", MINILM], ["nothing"], []):
            done = run(*arguments, data=b"x")
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertTrue(done.stderr)
            self.assertLess(done.stderr.count(b"\n"), 16, done.stderr)

    def test_a_wrong_option_has_one_sentence_and_a_hint(self):
        self.assertEqual(run("embed", "--fromat=npy").stderr,
                         b"neso embed: Unknown option --fromat: did you mean --format?\nSee 'neso help embed' for the options.\n")
        self.assertEqual(run("embed", "-m").stderr,
                         b"neso embed: option '--model' requires an argument\nSee 'neso help embed' for the options.\n")

    def test_fewer_dimensions_of_a_model_that_was_not_trained_for_them_are_warned_of_once(self):
        done = run("embed", "-m", MINILM, "--dimensions=64", data=b"one\ntwo\n")
        self.assertEqual((done.returncode, done.stderr.count(b"Matryoshka")), (0, 1))
        self.assertEqual([len(json.loads(line)["embedding"]) for line in done.stdout.splitlines()], [64, 64])
        self.assertEqual(run("embed", "-m", MINILM, "--dimensions=384", data=b"one\n").stderr, b"")

    def test_a_file_that_is_not_there(self):
        done = run("embed", "-m", MINILM, "/no/such/file")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"/no/such/file", done.stderr)


class OtherCommands(unittest.TestCase):
    def test_version_and_help(self):
        self.assertRegex(run("version").stdout, rb"^neso \d+\.\d+\.\d+\n$")
        self.assertIn(b"--format", run("help", "embed").stdout)
        self.assertIn(b"embed", run("help").stdout)
        for command in (b"serve", b"embed", b"doctor", b"bench", b"version", b"help"):
            for words in (("help", command.decode()), (command.decode(), "--help")):
                done = run(*words)
                self.assertEqual((done.returncode, done.stderr), (0, b""), words)
                self.assertTrue(done.stdout.startswith(b"Usage: neso " + command), words)

    def test_the_help_of_embed_tells_what_becomes_of_bad_lines(self):
        text = b" ".join(run("help", "embed").stdout.split())
        for words in (b"FILE", b"NaN", b"Exit status", b"16 MiB", b"standard input"):
            self.assertIn(words, text)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Rows of the bad-input table about model folders: configs and files that are broken or lead elsewhere.

Each row starts a server of its own on a repository of bad models beside one good model, which must serve.
"""

import contextlib
import os

from bad_input_rig import row
from neso_server import ROOT, Server, TemporaryRepository

GRAPH = ROOT / "tests/data/onnx/simple.onnx"
TENSORS = ('input [ { name: "INPUT0" data_type: TYPE_INT32 dims: [ 16 ] }, { name: "INPUT1" data_type: TYPE_INT32 dims: [ 16 ] } ]\n'
           'output [ { name: "OUTPUT0" data_type: TYPE_INT32 dims: [ 16 ] } ]\n')


@contextlib.contextmanager
def repository():
    with TemporaryRepository() as made:
        made.add("good", config=f"max_batch_size: 8\n{TENSORS}", files=[("model.onnx", GRAPH)])
        yield made


def add(models, name, config):
    models.add(name, config=config, files=[("model.onnx", GRAPH)])


@contextlib.contextmanager
def serving(rig, models, *more):
    """A server with these models, and its index by name, in which the good model is ready."""
    with Server(models.path, "--exit-on-error=false", "--strict-readiness=false", *more) as server:
        index = {}
        for entry in server.request("POST", "/v2/repository/index").json():
            index[entry["name"]] = entry
        rig.test.assertEqual(index["good"]["state"], "READY", index)
        yield server, index
        for line in server.log:
            rig.test.assertIsNone(next((c for c in line if ord(c) < 32), None), repr(line))


def refused(rig, configs, words=()):
    """Every config keeps its model from being served, with a reason that has the words."""
    with repository() as models:
        for name, config in configs.items():
            add(models, name, config)
        with serving(rig, models) as (_, index):
            for name in configs:
                entry = index[name]
                rig.test.assertNotEqual(entry.get("state"), "READY", (name, configs[name][:200]))
                rig.test.assertTrue(entry.get("reason"), (name, entry))
                rig.test.assertLess(len(entry["reason"]), 2048, name)
                rig.test.assertNotIn(str(models.path), entry["reason"], name)
                for word in words:
                    rig.test.assertIn(word, entry["reason"], name)


@row("B39", "configs that are no configs")
def broken_configs(rig):
    refused(rig, {
        "unknown_field": f"max_batch_sizes: 8\n{TENSORS}",
        "typo": f"max_batch_size: 8\n{TENSORS}".replace("dims", "dim"),
        "no_number": f"max_batch_size: many\n{TENSORS}",
        "open_brace": f"max_batch_size: 8\n{TENSORS}input [ {{",
        "noise": "\x01\x02\x7f" * 100,
        "deep": "instance_group {" * 1000 + "}" * 1000,
        "binary": "\0" * 1000,
    }, ("config.pbtxt",))
    refused(rig, {"large": f"max_batch_size: 8\n{TENSORS}" + "# padding\n" * 1_100_000})


@row("B40", "values of configs that cannot be meant")
def impossible_configs(rig):
    refused(rig, {
        "negative_batch": f"max_batch_size: -1\n{TENSORS}",
        "dims_zero": f"max_batch_size: 8\n{TENSORS}".replace("[ 16 ]", "[ 0 ]"),
        "dims_minus_two": f"max_batch_size: 8\n{TENSORS}".replace("[ 16 ]", "[ -2 ]"),
        "dims_huge": f"max_batch_size: 8\n{TENSORS}".replace("[ 16 ]", "[ 9223372036854775807, 9223372036854775807 ]"),
        "many_instances": f"max_batch_size: 8\n{TENSORS}instance_group [ {{ count: 100000 kind: KIND_CPU }} ]\n",
        "priority_levels": f"max_batch_size: 8\n{TENSORS}dynamic_batching {{ priority_levels: 9223372036854775808 }}\n",
        "preferred": f"max_batch_size: 8\n{TENSORS}dynamic_batching {{ preferred_batch_size: [ 16 ] }}\n",
        "batch_overflow": f"max_batch_size: 99999999999\n{TENSORS}",
    })


@row("B41", "names of models that are not their folder's")
def names(rig):
    refused(rig, {
        "other": f'name: "another"\nmax_batch_size: 8\n{TENSORS}',
        "slash": f'name: "a/b"\nmax_batch_size: 8\n{TENSORS}',
        "parent": f'name: ".."\nmax_batch_size: 8\n{TENSORS}',
        "nul": f'name: "a\\000b"\nmax_batch_size: 8\n{TENSORS}',
        "long": f'name: "{"x" * 300}"\nmax_batch_size: 8\n{TENSORS}',
    })
    with repository() as first, TemporaryRepository() as second:
        add(first, "twice", f"max_batch_size: 8\n{TENSORS}")
        add(second, "twice", f"max_batch_size: 8\n{TENSORS}")
        with serving(rig, first, f"--model-repository={second.path}") as (_, index):
            rig.test.assertNotEqual(index.get("twice", {}).get("state"), "READY")
    with repository() as models:
        for name in ("a\nb", "\x1b[2J", "x" * 255, ".hidden", "-rf", "a b"):
            add(models, name, f"max_batch_size: 8\n{TENSORS}")
        with serving(rig, models):
            pass


def ensemble(*steps, tensors=("A", "B")):
    outer = "".join(f'{side} [ {{ name: "{tensor}" data_type: TYPE_INT32 dims: [ 16 ] }} ]\n'
                    for side, tensor in zip(("input", "output"), tensors))
    inner = ", ".join(
        f'{{ model_name: "{model}" model_version: -1 input_map {{ key: "INPUT0" value: "{first}" }} '
        f'input_map {{ key: "INPUT1" value: "{second}" }} output_map {{ key: "OUTPUT0" value: "{made}" }} }}'
        for model, first, second, made in steps)
    return f'platform: "ensemble"\nmax_batch_size: 8\n{outer}ensemble_scheduling {{ step [ {inner} ] }}\n'


@row("B42", "ensembles that have no order, or no parts")
def ensembles(rig):
    configs = {
        "cycle": ensemble(("good", "A", "Y", "X"), ("good", "A", "X", "Y"), ("good", "X", "Y", "B")),
        "itself": ensemble(("itself", "A", "A", "B")),
        "no_part": ensemble(("nobody", "A", "A", "B")),
        "made_twice": ensemble(("good", "A", "A", "B"), ("good", "A", "A", "B")),
        "unmapped": ensemble(("good", "A", "nowhere", "B")),
        "no_output": ensemble(("good", "A", "A", "C")),
        "no_steps": ensemble(),
        "ping": ensemble(("pong", "A", "A", "B")),
        "pong": ensemble(("ping", "A", "A", "B")),
    }
    with repository() as models:
        for name, config in configs.items():
            (models.path / name / "1").mkdir(parents=True)
            (models.path / name / "config.pbtxt").write_text(config)
        with serving(rig, models) as (_, index):
            for name in configs:
                rig.test.assertNotEqual(index[name].get("state"), "READY", name)
                rig.test.assertTrue(index[name].get("reason"), name)


@row("B43", "version folders that are none")
def versions(rig):
    with repository() as models:
        good = models.path / "good"
        for name in ("0", "01", "1x", "-1", "9" * 20, "99999999999999999999999", "v2", " 3"):
            (good / name).mkdir()
            os.link(good / "1/model.onnx", good / name / "model.onnx")
        (good / "7").write_text("a file")
        (good / "8").symlink_to("8")
        with serving(rig, models) as (server, _):
            metadata = server.get("/v2/models/good").json()
            rig.test.assertEqual(metadata["versions"], ["1"])
            for version in ("0", "01", "9" * 20, "7", "8"):
                rig.test.assertIn(server.get(f"/v2/models/good/versions/{version}").status, (200, 400, 404) if version == "01" else (400, 404))


@row("B44", "files that a config names outside of its folder")
def foreign_files(rig):
    outside = "/etc/passwd"
    refused(rig, {
        "file_absolute": f'default_model_filename: "{outside}"\nmax_batch_size: 8\n{TENSORS}',
        "file_parent": f'default_model_filename: "../../good/1/model.onnx"\nmax_batch_size: 8\n{TENSORS}',
        "cc_parent": f'cc_model_filenames [ {{ key: "cpu" value: "../../good/1/model.onnx" }} ]\nmax_batch_size: 8\n{TENSORS}',
        "labels_absolute": f"max_batch_size: 8\n{TENSORS}".replace("output [ {", f'output [ {{ label_filename: "{outside}"'),
        "labels_parent": f"max_batch_size: 8\n{TENSORS}".replace("output [ {", 'output [ { label_filename: "../good/config.pbtxt"'),
    })
    with repository() as models:
        for name, target in (("link_out", ROOT / "README.md"), ("link_self", "model.onnx"), ("link_device", "/dev/zero")):
            (models.path / name / "1").mkdir(parents=True)
            (models.path / name / "1/model.onnx").symlink_to(target)
        (models.path / "fifo/1").mkdir(parents=True)
        os.mkfifo(models.path / "fifo/1/model.onnx")
        (models.path / "config_fifo/1").mkdir(parents=True)
        os.mkfifo(models.path / "config_fifo/config.pbtxt")
        with serving(rig, models) as (_, index):
            for name in ("link_out", "link_self", "link_device", "fifo", "config_fifo"):
                rig.test.assertNotEqual(index.get(name, {}).get("state"), "READY", name)

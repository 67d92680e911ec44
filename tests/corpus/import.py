#!/usr/bin/env python3
"""Packs a folder of labelled cluster changes into one JSON file a layout.

    tests/corpus/import.py FOLDER

FOLDER holds NNN-LAYOUT-EDIT/{before/*.yaml, change.yaml | delete.yaml, expected.json}. Most cases of a layout share their
`before`, so it is stored once and each case keeps only the objects in which its own differs.
"""

import json
import pathlib
import sys

import yaml


def key(obj):
    meta = obj["metadata"]
    group = obj["apiVersion"].rpartition("/")[0]
    return f'{group}/{obj["kind"]}/{meta.get("namespace", "")}/{meta["name"]}'


def documents(path):
    # Times stay text: the API server sends them so.
    loader = yaml.SafeLoader
    loader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in loader.yaml_implicit_resolvers.items()
    }
    return [obj for obj in yaml.load_all(path.read_text(), Loader=loader) if obj]


def main(source):
    layouts = {}
    for folder in sorted(path.parent for path in pathlib.Path(source).glob("*/expected.json")):
        expected = json.loads((folder / "expected.json").read_text())
        before = {key(obj): obj for path in sorted(folder.glob("before/*.yaml")) for obj in documents(path)}
        case = {"case": folder.name}
        if (folder / "delete.yaml").exists():
            gone = documents(folder / "delete.yaml")[0]
            case["delete"] = key({**gone, "metadata": gone.get("metadata", gone)})
        else:
            (case["change"],) = documents(folder / "change.yaml")
        case["expected"] = {
            name: expected[name]
            for name in ("verdict", "reason", "newly_broken", "newly_fixed", "new_services_not_ready")
            if expected[name]
        }
        case["expected"]["broken_before"] = [
            {"isvc": walk["isvc"], "kind": walk["kind"], "reason": walk["reason"]}
            for walk in expected["before"]
            if not walk["reached"]
        ]
        hops = {len(walk["hops"]) for walk in expected["after"] if walk.get("reason") == expected["reason"] != ""}
        if hops:
            case["expected"]["hops_passed"] = sorted(hops)
        layouts.setdefault(expected["base"], []).append((case, before))
    target = pathlib.Path(__file__).parent
    for layout, cases in layouts.items():
        versions = [before for _, before in cases]
        common = {}
        for name in sorted({name for before in versions for name in before}):
            texts = [json.dumps(before.get(name), sort_keys=True) for before in versions]
            most = json.loads(max(texts, key=texts.count))
            if most is not None:
                common[name] = most
        packed = []
        for case, before in cases:
            case["replaced"] = [obj for name, obj in before.items() if common.get(name) != obj]
            case["removed"] = [name for name in common if name not in before]
            packed.append(case)
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in packed)
        objects = ",\n".join(json.dumps(obj, ensure_ascii=False) for obj in common.values())
        text = f'{{"layout": {json.dumps(layout)},\n"before": [\n{objects}\n],\n"cases": [\n{lines}\n]}}\n'
        (target / f"{layout}.json").write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])

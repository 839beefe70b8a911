"""Reads the Dockerfile for image.sh: one JSON object per instruction, with the variables of its stage put in; and copies
the build context as .dockerignore leaves it. An instruction that is not known here stops the test, so the two cannot drift apart."""

import fnmatch
import json
import os
import re
import shlex
import shutil
import sys

KNOWN = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def instructions(path):
    text = "".join(line for line in open(path, encoding="utf-8") if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            name, rest = line.split(None, 1)
            if name not in KNOWN:
                sys.exit(f"dockerfile.py does not know {name}; teach it, image.sh and the Dockerfile go together")
            yield name, rest.strip()


def plan(path):
    for name, rest in instructions(path):
        if name == "FROM":
            words = [word for word in rest.split() if not word.startswith("--")]
            step = {"image": words[0], "stage": words[2] if len(words) > 2 else "final"}
        elif name == "COPY":
            words = rest.split()
            flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
            paths = [word for word in words if not word.startswith("--")]
            unknown = set(flags) - {"from", "chmod"}
            if unknown:
                sys.exit(f"dockerfile.py does not know COPY --{unknown.pop()}")
            step = {"from": flags.get("from", ""), "chmod": flags.get("chmod", ""), "sources": paths[:-1], "target": paths[-1]}
        elif name == "ENV":
            step = {"variables": shlex.split(rest)}
        elif name in ("ENTRYPOINT", "CMD", "VOLUME"):
            step = {"words": json.loads(rest)}
        elif name == "HEALTHCHECK":
            step = {"words": json.loads(rest.split("CMD", 1)[1])}
        else:
            step = {"text": rest}
        print(json.dumps({"do": name, **step}))


def context(root, target):
    rules = []
    for line in open(os.path.join(root, ".dockerignore"), encoding="utf-8"):
        line = line.strip()
        if line and not line.startswith("#"):
            rules.append((line.startswith("!"), line.lstrip("!")))

    def ignored(path):
        verdict = False
        for keeps, pattern in rules:
            if any(matches(part, pattern) for part in prefixes(path)):
                verdict = not keeps
        return verdict

    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in (os.path.join(root, ".git"), os.path.join(root, "artifacts"))]
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), root)
            if not ignored(path):
                os.makedirs(os.path.dirname(os.path.join(target, path)), exist_ok=True)
                shutil.copy(os.path.join(root, path), os.path.join(target, path))


def prefixes(path):
    parts = path.split("/")
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def matches(path, pattern):
    if pattern.startswith("**/"):
        tail = pattern[3:]
        parts = path.split("/")
        return any(fnmatch.fnmatchcase("/".join(parts[i:]), tail) for i in range(len(parts)))
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


if __name__ == "__main__":
    if sys.argv[1] == "plan":
        plan(sys.argv[2])
    else:
        context(sys.argv[2], sys.argv[3])

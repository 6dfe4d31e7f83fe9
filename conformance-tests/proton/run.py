#!/usr/bin/python3
"""Runs black-box AMQP 1.0 cases with Qpid Proton against one broker.

  run.py --list [--profile NAME]             the names of all cases, one a line
  run.py --case NAME --target target.json    one case; exit status 0 passed, 1 failed
  run.py --all --target target.json          all cases, each in a process of its own
         [--profile NAME] [--only PREFIX] [--jobs N]
"""

import argparse
import concurrent.futures
import faulthandler
import os
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import registry  # noqa: E402  (the path above makes it importable)
from harness.target import Context  # noqa: E402

GRACE_SECONDS = 10.0
TRACE_LINES = 150


def run_one(name, target_file):
    """Runs one case in this process; returns the exit status."""
    found = registry.all_cases().get(name)
    if found is None:
        print("there is no case named %s; --list shows them" % name, file=sys.stderr)
        return 2
    ctx = Context.load(target_file, found.seconds)
    faulthandler.dump_traceback_later(found.seconds + GRACE_SECONDS, exit=True)
    started = time.monotonic()
    try:
        registry.arm(found.seconds)
        try:
            found.function(ctx)
        finally:
            registry.disarm()
    except (Exception, registry.CaseTimeout) as error:
        _report_failure(found, ctx, error)
        return 1
    finally:
        ctx.close()
    print("passed %s (%.2f s)" % (name, time.monotonic() - started))
    return 0


def _report_failure(found, ctx, error):
    print("FAILED %s: %s: %s" % (found.name, type(error).__name__, error))
    print("  expects: " + found.summary)
    for line in traceback.format_exc().rstrip().splitlines():
        print("  | " + line)
    print("  trace (last %d lines; -> to the broker, <- from it):" % TRACE_LINES)
    for line in ctx.trace[-TRACE_LINES:]:
        print("    " + line)


def run_all(target_file, jobs, only, profile):
    """Runs every case in its own process; returns the exit status."""
    cases = [c for c in registry.all_cases(profile).values() if c.name.startswith(only)]

    def start(one):
        try:
            done = subprocess.run([sys.executable, os.path.abspath(__file__), "--case", one.name, "--target",
                                   target_file], capture_output=True, text=True, check=False,
                                  timeout=one.seconds + 2 * GRACE_SECONDS)
            return one, done.returncode, done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            return one, 1, "FAILED %s: the process had to be ended\n" % one.name

    failed = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for one, status, output in pool.map(start, cases):
            print(output, end="", flush=True)
            if status != 0:
                failed.append(one.name)
    print("%d cases, %d passed, %d failed" % (len(cases), len(cases) - len(failed), len(failed)))
    for name in failed:
        print("  failed: " + name)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    parser.add_argument("--case", help="run one case")
    parser.add_argument("--all", action="store_true", help="run all cases")
    parser.add_argument("--profile", help="only the cases for a broker set up so: default, large, secured or permissions")
    parser.add_argument("--target", help="JSON file that describes the broker")
    parser.add_argument("--jobs", type=int, default=1, help="with --all: so many cases at a time")
    parser.add_argument("--only", default="", help="with --all: only the names that start with this")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(registry.all_cases(arguments.profile)))
        return 0
    if not arguments.target or not (arguments.case or arguments.all):
        parser.error("give --list, or --target with --case or --all")
    if arguments.case:
        return run_one(arguments.case, arguments.target)
    return run_all(arguments.target, arguments.jobs, arguments.only, arguments.profile)


if __name__ == "__main__":
    sys.exit(main())

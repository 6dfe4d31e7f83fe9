#!/usr/bin/env python3
"""Tells of the failed tests in .trx files.

failed-tests.py FILE...           each one's name, message and the first lines of its stack
failed-tests.py --filter FILE...  an expression for `dotnet test --filter` that runs them again (a test with parameters: all its cases)
"""
import sys
import xml.etree.ElementTree as tree

TRX = "{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}"
LINES = 30


def failed(path):
    """The failed results of a file, each with its class and method."""
    root = tree.parse(path)
    methods = {t.get("id"): t.find(TRX + "TestMethod") for t in root.iter(TRX + "UnitTest")}
    for result in root.iter(TRX + "UnitTestResult"):
        if result.get("outcome") != "Passed":
            method = methods[result.get("testId")]
            yield result, method.get("className") + "." + method.get("name").partition("(")[0]


def show(result):
    print(f"\n-- {result.get('testName')}  ({result.get('outcome')}, {result.get('duration')})")
    for part in ("Message", "StackTrace"):
        text = next((e.text for e in result.iter(TRX + part) if e.text), "")
        for line in text.strip().splitlines()[:LINES]:
            print("   " + line)


if sys.argv[1] == "--filter":
    names = {name for path in sys.argv[2:] for _, name in failed(path)}
    print("|".join(f"FullyQualifiedName~{name}" for name in sorted(names)))
else:
    for trx in sys.argv[1:]:
        for failure, _ in failed(trx):
            show(failure)

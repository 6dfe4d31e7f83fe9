#!/usr/bin/env python3
"""Prints each failed test of the given .trx files: its name, the message and the first lines of its stack."""
import sys
import xml.etree.ElementTree as tree

TRX = "{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}"
LINES = 30

for path in sys.argv[1:]:
    for result in tree.parse(path).iter(TRX + "UnitTestResult"):
        if result.get("outcome") != "Failed":
            continue
        print(f"\n-- {result.get('testName')}  ({result.get('duration')})")
        for part in ("Message", "StackTrace"):
            text = next((e.text for e in result.iter(TRX + part) if e.text), "")
            for line in text.strip().splitlines()[:LINES]:
                print("   " + line)

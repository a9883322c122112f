"""The queries of a page beside the migrations, each run as a reader."""

import csv
import os
import re
import subprocess

import postgres
import programs


def queries(page):
    """By heading."""
    with open(os.path.join(programs.ROOT, "migrations", page), encoding="utf-8") as file:
        return dict(re.findall(r"^## (.+)\n.+\n```sql\n((?:(?!```).*\n)+)```$", file.read(), re.M))


def rows(database_url, page, heading, folder):
    """What the query under that heading gives, each row by column."""
    done = subprocess.run(
        [postgres.BIN + "psql", "-Xq", "--csv", "-v", "ON_ERROR_STOP=1", "-d", database_url],
        cwd=folder, input="SET ROLE junction_reader;\n" + queries(page)[heading],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(done.stdout.splitlines()))


def not_run(page, test):
    """Headings that the test's file does not run."""
    with open(test, encoding="utf-8") as file:
        source = file.read()
    return [heading for heading in queries(page) if f'run("{heading}")' not in source]

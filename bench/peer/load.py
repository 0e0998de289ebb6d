"""Load the files of SendGrid's events that are new since the last time, with dlt: python load.py FOLDER URL."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import dlt
from dlt.common import json
from dlt.sources.filesystem import FileItemDict, filesystem

CORES = os.cpu_count() or 1

# What dlt's page on performance advises: a worker for each core, files small enough to be shared among them.
dlt.config["normalize.workers"] = CORES
dlt.config["load.workers"] = CORES
dlt.config["data_writer.file_max_items"] = 100_000
dlt.config["data_writer.buffer_max_items"] = 10_000
# Disk and indexes that nothing here asks for.
dlt.config["load.delete_completed_jobs"] = True
dlt.config["destination.postgres.create_indexes"] = False
dlt.config["runtime.dlthub_telemetry"] = False

# The fields that the models read, so that their columns are there before the first event that has them.
TEXTS = ["sg_message_id", "delivery_id", "recipient_id", "event", "type", "status", "url", "useragent", "ip", "reason"]
COLUMNS = {name: {"data_type": "text"} for name in [*TEXTS, "url_offset__type"]} | {
    "url_offset__index": {"data_type": "bigint"}
}


@dlt.transformer(name="events", columns=COLUMNS)
def events(files: Iterable[FileItemDict]) -> Iterator[list[dict[str, Any]]]:
    """The events of `files`, each with the hour of its arrival: the folder that its file stands in."""
    for file in files:
        day, hour = file["relative_path"].split("/")[-3:-1]
        arrived = {"window_start": datetime.fromisoformat(f"{day}T{hour}:00:00+00:00")}
        with file.open() as lines:
            while page := list(islice(lines, 10_000)):
                yield [json.loadb(line) | arrived for line in page]


def main(folder: str, url: str) -> None:
    """Append what is new in `folder` to the table raw.events of the database at `url`."""
    files = filesystem(folder, file_glob="**/*.jsonl", incremental=dlt.sources.incremental("modification_date"))
    pipeline = dlt.pipeline("sendgrid", destination=dlt.destinations.postgres(url), dataset_name="raw")
    # CSV goes in by COPY.
    pipeline.run(files | events, write_disposition="append", loader_file_format="csv")


if __name__ == "__main__":
    main(*sys.argv[1:])

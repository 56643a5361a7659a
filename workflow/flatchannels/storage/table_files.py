"""Tables: sealed Parquet files that know their name."""

import io
import json
from os import PathLike
from typing import TYPE_CHECKING, Any

from flatchannels.storage.archives import VERSION
from flatchannels.storage.atomic import write_bytes
from flatchannels.storage.errors import RecordError
from flatchannels.storage.seals import EMPTY_SEAL, read_sealed, seal

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: str | PathLike[str], name: str, frame: "pd.DataFrame", meta: dict[str, Any] | None = None) -> None:
    """Write a pandas table as Parquet; `name` says which table it is and is checked when it is read."""
    import pyarrow as pa  # here, because whoever only names tables need not wait for pyarrow
    import pyarrow.parquet as pq

    meta = {**(meta or {}), "format": "flatchannels table", "version": VERSION, "table": name}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"flatchannels": json.dumps(meta, sort_keys=True), "seal": EMPTY_SEAL.decode()})
    write_bytes(path, seal(sink.getvalue()))


def read_table(path: str | PathLike[str], name: str) -> "pd.DataFrame":
    """The table `name` as a DataFrame, its metadata in `.attrs`; RecordError as for `run_records.read_runs`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_sealed(path, b"PAR1", "a Parquet file")
    file = pq.ParquetFile(pa.BufferReader(data))
    meta = json.loads(file.metadata.metadata.get(b"flatchannels", b"{}"))
    if meta.get("table") != name:
        raise RecordError(path, f"holds the table {meta.get('table')!r}, not {name!r}")
    if meta["version"] != VERSION:
        raise RecordError(path, f"has version {meta['version']!r} of the format; this code reads version {VERSION}")
    frame = file.read().to_pandas()
    frame.attrs.update(meta)
    return frame

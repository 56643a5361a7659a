"""Tables: sealed Parquet files, each of the schema that its name stands for.

The meaning and the unit of a column stand in the metadata of its Parquet field, and what a row is about in that of the file.
"""

import io
import json
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from flatchannels.storage.archives import VERSION
from flatchannels.storage.atomic import write_bytes
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.columns import Schema
from flatchannels.storage.seals import EMPTY_SEAL, read_sealed, seal

if TYPE_CHECKING:
    import pandas as pd


def typed_table(schema: Schema, rows: Any) -> "pd.DataFrame":
    """A table from rows or columns, with the columns and types of its schema, even where there are no rows.

    Numbers that are missing are NaN; what the schema does not have is left out.

    Parameters
    ----------
    schema : Schema
    rows : list of dict, dict of columns, or DataFrame

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        A column of another kind is missing.
    """
    import pandas as pd  # here, because whoever only names tables need not wait for pandas

    frame = pd.DataFrame(rows)
    lacking = [key for key, kind in schema.kinds.items() if key not in frame and kind != "float64"]
    if lacking and len(frame):
        raise ValueError(f"rows of the table {schema.name} lack {', '.join(lacking)}")
    return frame.reindex(columns=list(schema.columns)).astype(schema.kinds)


def write_table(path: str | PathLike[str], schema: Schema, frame: "pd.DataFrame", meta: Mapping[str, Any] | None = None) -> None:
    """Write a pandas table as Parquet.

    Parameters
    ----------
    path
        Of the file to write.
    schema
        Of the table.
    frame
        With the columns and types of the schema, in its order.
    meta
        More to keep with the table, JSON types.

    Raises
    ------
    RecordError
        Columns or types are not those of the schema, or the file cannot be written. Nothing is written then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    _check(path, schema, frame)
    meta = {**(meta or {}), "format": "flatchannels table", "version": VERSION, "table": schema.name, "row": schema.row}
    table = pa.Table.from_pandas(frame, preserve_index=False)
    told = [{"meaning": column.meaning, "unit": column.unit} for column in schema.columns.values()]
    fields = [field.with_metadata(words) for field, words in zip(table.schema, told, strict=True)]
    table = table.cast(pa.schema(fields, metadata=table.schema.metadata))
    sink = io.BytesIO()
    # Numbers by their bytes, the exponents together: a quarter less than otherwise. Texts by their different values.
    floats = [pa.float64(), pa.list_(pa.float64())]
    types = {field.name: field.type for field in table.schema}
    numbers = [name if kind == pa.float64() else f"{name}.list.element" for name, kind in types.items() if kind in floats]
    texts = [name for name, kind in types.items() if kind not in floats]
    with pq.ParquetWriter(sink, table.schema, compression="zstd", use_dictionary=texts, use_byte_stream_split=numbers) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"flatchannels": json.dumps(meta, sort_keys=True), "seal": EMPTY_SEAL.decode()})
    write_bytes(path, seal(sink.getvalue()))


def read_table(path: str | PathLike[str], schema: Schema) -> "pd.DataFrame":
    """A table as a DataFrame, its metadata in `.attrs`.

    Parameters
    ----------
    path
        Of the file.
    schema
        That the table must have.

    Returns
    -------
    DataFrame

    Raises
    ------
    RecordError
        The file is missing, damaged, of another version, another table, or has other columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_sealed(path, b"PAR1", "a Parquet file")
    file = pq.ParquetFile(pa.BufferReader(data))
    meta = json.loads(file.metadata.metadata.get(b"flatchannels", b"{}"))
    if meta.get("table") != schema.name:
        raise RecordError(path, f"holds the table {meta.get('table')!r}, not {schema.name!r}")
    if meta["version"] != VERSION:
        raise RecordError(path, f"has version {meta['version']!r} of the format; this code reads version {VERSION}")
    frame = file.read().to_pandas()
    _check(path, schema, frame)
    frame.attrs.update(meta)
    return frame


def _check(path: str | PathLike[str], schema: Schema, frame: "pd.DataFrame") -> None:
    """Names, order and types of the columns against the schema."""
    import pandas as pd

    found, wanted = list(frame.columns), list(schema.columns)
    if found != wanted:
        different = [f"lacks {key}" for key in wanted if key not in found] + [f"has {key} too" for key in found if key not in wanted]
        raise RecordError(path, f"the table {schema.name} {', '.join(different) or 'has its columns in another order'}")
    for key, kind in schema.kinds.items():
        if frame[key].dtype != pd.api.types.pandas_dtype(kind):
            raise RecordError(path, f"the column {key} of the table {schema.name} has type {frame[key].dtype}; it must be {kind}")

"""All tables by name."""

from flatchannels.storage.schemas.channels import CHANNEL_SCHEMAS
from flatchannels.storage.schemas.claims import CLAIM_SCHEMAS
from flatchannels.storage.schemas.columns import Schema
from flatchannels.storage.schemas.infinity import INFINITY_SCHEMAS
from flatchannels.storage.schemas.runs import ENDS, RUN_SCHEMAS
from flatchannels.storage.schemas.saddles import SADDLE_SCHEMAS
from flatchannels.storage.schemas.sweeps import SWEEP_SCHEMAS
from flatchannels.storage.schemas.toy import TOY_SCHEMAS

_SCHEMAS = [
    *RUN_SCHEMAS,
    *CHANNEL_SCHEMAS,
    *SADDLE_SCHEMAS,
    *INFINITY_SCHEMAS,
    *SWEEP_SCHEMAS,
    *TOY_SCHEMAS,
    *CLAIM_SCHEMAS,
    ENDS,
]
SCHEMAS: dict[str, Schema] = {schema.name: schema for schema in _SCHEMAS}

-- One row per place that touched events name: where they led to, and from where. Two places of one key, which no store will see,
-- are two rows, and fail the run by the index: better than clicks that count for another link.
{{ config(indexes=[['place_key']], is_unique=true) }}

select distinct
    place_key,
    {{ place_columns() | join(',\n    ') }}
from {{ ref('int_events__linked') }}
where place_key is not null

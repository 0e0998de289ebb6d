-- One row per place that touched events name: where they led to, and from where. Two places of one key, which no store will see,
-- are two rows, and fail the run by the index: better than clicks that count for another link.
{{ config(indexes=[['place_key']], is_unique=true) }}

{% set texts = ["coalesce(url, '')", "coalesce(cast(position as text), '')", "coalesce(content_part, '')", "coalesce(link_id, '')"] %}

select
    place_key,
    min(url) as url,
    min(position) as position,
    min(content_part) as content_part,
    min(link_id) as link_id
from {{ ref('int_events__linked') }}
where place_key is not null
-- A blank text and none are one to the key.
group by place_key, {{ texts | join(', ') }}

-- One row per place that touched events name: where they led to, and from where.
{{ config(indexes=[['place_key']], is_unique=true) }}

select
    place_key,
    min(url) as url,
    min(position) as position,
    min(content_part) as content_part,
    min(link_id) as link_id
from {{ ref('int_events__linked') }}
where place_key is not null
group by place_key

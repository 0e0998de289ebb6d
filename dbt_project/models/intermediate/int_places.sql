-- The places that events name: an address, where it stands in the message, and the link that it is taken for. A link that the
-- catalog describes later makes another place of it, and the one before stays as it was.
{{ config(unique_key=['place_key'], indexes=[{'columns': ['url'], 'type': 'hash'}]) }}

select
    used.place_key,
    used.url,
    used.position,
    used.content_part,
    used.link_id,
    'add' as _change
from {{ ref('int_places__used') }} as used
where
    not exists (
        select 1 from {{ this }} as known
        where
            known.place_key = used.place_key
            -- Another place of that key is added too, and fails the publication by the primary key.
            {%- for column in place_columns() %}
            and coalesce(cast(known.{{ column }} as text), '') = coalesce(cast(used.{{ column }} as text), '')
            {%- endfor %}
    )

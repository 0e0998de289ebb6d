with catalog as {{ asked_anew() }} (

    select
        -- By its key, so that who asks for one delivery reads one entry.
        entry_key as delivery_id,
        {{ without_addresses(json_text('payload', 'label')) }} as label,
        {{ without_addresses(json_text('payload', 'subject')) }} as subject,
        {{ without_addresses(json_text('payload', 'channel')) }} as channel,
        {{ without_addresses(json_text('payload', 'category')) }} as category,
        {{ json_boolean('payload', 'is_tracking_enabled', 'true') }} as is_tracking_enabled,
        has_open_tracking as is_open_tracking_enabled,
        coalesce({{ json_integer('payload', 'text_only_count') }}, 0) as text_only_count
    from {{ ref('int_catalog__current') }}
    where entry_type = 'delivery'

),

-- Each once: what has events, and what the catalog alone knows.
known as (

    select
        delivery_id,
        sent_at
    from {{ ref('int_delivery_spans') }}

    union all

    select
        catalog.delivery_id,
        null as sent_at
    from catalog
    where not exists (select 1 from {{ ref('int_delivery_spans') }} as spans where spans.delivery_id = catalog.delivery_id)

)

select
    known.delivery_id,
    coalesce(catalog.label, known.delivery_id) as label,
    catalog.subject,
    coalesce(catalog.channel, 'email') as channel,
    catalog.category,
    cast(coalesce(catalog.text_only_count, 0) as bigint) as text_only_count,
    coalesce(catalog.is_tracking_enabled, true) as is_tracking_enabled,
    coalesce(catalog.is_open_tracking_enabled, true) as is_open_tracking_enabled,
    known.sent_at
from known
left join catalog on known.delivery_id = catalog.delivery_id

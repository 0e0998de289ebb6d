with catalog as (

    select
        delivery_id,
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

known as (

    select delivery_id from catalog
    union
    select delivery_id from {{ ref('int_delivery_spans') }}

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
    spans.sent_at
from known
left join catalog on known.delivery_id = catalog.delivery_id
left join {{ ref('int_delivery_spans') }} as spans on known.delivery_id = spans.delivery_id

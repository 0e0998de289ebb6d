with clicks as (

    select
        *,
        sum(click_count) over (partition by delivery_id) as delivery_click_count
    from {{ ref('int_position_totals') }}

)

select
    clicks.delivery_id,
    case when clicks.position > 0 or clicks.first_link_id = clicks.last_link_id then clicks.first_link_id end as link_id,
    nullif(clicks.content_part, '') as content_part,
    case when clicks.position > 0 or clicks.first_url = clicks.last_url then clicks.first_url end as url,
    {{ link_label_of('entry.payload') }} as label,
    nullif(clicks.position, 0) as position,
    clicks.click_count,
    clicks.recipient_click_count,
    clicks.human_click_count,
    {{ rate('clicks.click_count', 'clicks.delivery_click_count') }} as click_share_rate
from clicks
-- The catalog alone gives labels, and its key reads the entries of these clicks, however many deliveries are asked for.
left join {{ ref('int_catalog__current') }} as entry
    on
        entry.entry_type = 'link'
        and entry.entry_key = {{ link_entry_key('clicks.delivery_id', 'clicks.first_link_id') }}
        and (clicks.position > 0 or clicks.first_link_id = clicks.last_link_id)

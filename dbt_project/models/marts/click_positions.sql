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
    links.label,
    nullif(clicks.position, 0) as position,
    clicks.click_count,
    clicks.recipient_click_count,
    clicks.human_click_count,
    {{ rate('clicks.click_count', 'clicks.delivery_click_count') }} as click_share_rate
from clicks
left join {{ ref('links') }} as links on clicks.delivery_id = links.delivery_id and clicks.first_link_id = links.link_id
    and (clicks.position > 0 or clicks.first_link_id = clicks.last_link_id)

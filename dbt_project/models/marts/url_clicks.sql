with clicks as (

    select
        *,
        sum(case when link_type = 'click' then click_count end) over (partition by delivery_id) as delivery_click_count
    from {{ ref('int_url_totals') }}

),

-- The same address may stand in several places with several labels: the first place gives the label.
labels as (

    select
        delivery_id,
        url,
        label,
        category,
        row_number() over (partition by delivery_id, url order by content_part, position, link_id) as place
    from {{ ref('links') }}

)

select
    clicks.delivery_id,
    clicks.url,
    labels.label,
    labels.category,
    clicks.link_type,
    clicks.click_count,
    clicks.recipient_click_count,
    clicks.human_click_count,
    clicks.human_recipient_click_count,
    case when clicks.link_type = 'click' then {{ rate('clicks.click_count', 'clicks.delivery_click_count') }} end
        as click_share_rate,
    clicks.first_clicked_at,
    clicks.last_clicked_at
from clicks
left join labels on clicks.delivery_id = labels.delivery_id and clicks.url = labels.url and labels.place = 1

-- The clicks of a delivery's places add up to those of its URLs of type click.
with clicks as (

    select delivery_id, click_count as url_clicks, 0 as position_clicks from {{ ref('url_clicks') }}
    where link_type = 'click'
    union all
    select delivery_id, 0 as url_clicks, click_count as position_clicks from {{ ref('click_positions') }}

)

select
    delivery_id,
    sum(url_clicks) as url_clicks,
    sum(position_clicks) as position_clicks
from clicks
group by delivery_id
having sum(url_clicks) != sum(position_clicks)

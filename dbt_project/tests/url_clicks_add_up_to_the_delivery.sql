-- The clicks of a delivery's URLs (links of type click) add up to the delivery's clicks.
select
    statistics.delivery_id,
    statistics.click_count,
    coalesce(sum(urls.click_count), 0) as url_click_count
from {{ ref('delivery_statistics') }} as statistics
left join {{ ref('url_clicks') }} as urls on statistics.delivery_id = urls.delivery_id and urls.link_type = 'click'
group by statistics.delivery_id, statistics.click_count
having statistics.click_count != coalesce(sum(urls.click_count), 0)

-- One row per delivery with touched messages: how its events and requesters differ from before. One requester may act in
-- several messages, so requesters are looked up, not added up.
{{ config(tags=['heavy']) }}

with events as {{ asked_anew() }} (

    select * from {{ counted_events([
        'delivery_id', 'delivery_number', 'event_type', 'verdict', 'requester_id', 'is_withheld', 'occurred_at'
    ]) }} as weighted

),

touched as (

    select
        delivery_id,
        delivery_number,
        sum(weight) as event_count,
        sum(case when requester_id is not null and {{ is_tracking_event('event_type') }} then weight else 0 end)
            as requester_event_count,
        {% for name, when in [('was', -1), ('is_now', 1)] -%}
        min(case when weight = {{ when }} and event_type in ('sent', 'delivered') then occurred_at end) as {{ name }}_sent_at,
        min(case when weight = {{ when }} and not is_withheld then occurred_at end) as {{ name }}_first_event_at,
        max(case when weight = {{ when }} and not is_withheld then occurred_at end) as {{ name }}_last_event_at{{ ',' if not loop.last }}
        {% endfor %}
    from events
    group by delivery_id, delivery_number

),

requesters as (

    select
        delivery_id,
        delivery_number,
        requester_id,
        max(case when weight = 1 then 1 else 0 end) as clicks_now,
        max(case when weight = -1 then 1 else 0 end) as clicked_before,
        max(case when weight = 1 and {{ is_human('verdict') }} then 1 else 0 end) as human_clicks_now,
        max(case when weight = -1 and {{ is_human('verdict') }} then 1 else 0 end) as human_clicked_before
    from events
    where event_type = 'click' and requester_id is not null
    group by delivery_id, delivery_number, requester_id

),

-- A requester who also clicked in a message that this run leaves alone was a person before and is one after.
persons as (

    select
        delivery_id,
        sum(
            case
                when clicks_now = clicked_before then 0
                when exists {{ untouched('1', 'requesters.delivery_number',
                    "other.requester_id = requesters.requester_id and other.event_type = 'click'") }} then 0
                else clicks_now - clicked_before
            end
        ) as person_click_count,
        sum(
            case
                when human_clicks_now = human_clicked_before then 0
                when exists {{ untouched('1', 'requesters.delivery_number',
                    "other.requester_id = requesters.requester_id and other.event_type = 'click' and " ~ is_human('other.verdict'))
                }} then 0
                else human_clicks_now - human_clicked_before
            end
        ) as human_person_click_count
    from requesters
    group by delivery_id

)

select
    touched.*,
    coalesce(persons.person_click_count, 0) as person_click_count,
    coalesce(persons.human_person_click_count, 0) as human_person_click_count
from touched
left join persons on touched.delivery_id = persons.delivery_id

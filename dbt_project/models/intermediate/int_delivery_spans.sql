-- What is known of a delivery besides sums over its messages: when it was sent, its first and last event, and how many
-- requesters (cookies) clicked. One requester may act in several messages, so requesters are looked up, not added up.
{{ config(unique_key=['delivery_id']) }}

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

),

standing as (

    {{ standing_counters(this, ['delivery_id'], 'touched') }}

),

merged as (

    select
        touched.delivery_id,
        touched.delivery_number,
        cast(coalesce(standing.event_count, 0) + touched.event_count as bigint) as event_count,
        cast(coalesce(standing.requester_event_count, 0) + touched.requester_event_count as bigint) as requester_event_count,
        cast(coalesce(standing.person_click_count, 0) + coalesce(persons.person_click_count, 0) as bigint) as person_click_count,
        cast(coalesce(standing.human_person_click_count, 0) + coalesce(persons.human_person_click_count, 0) as bigint)
            as human_person_click_count,
        {{ merged_extreme('min', 'standing.sent_at', 'touched.was_sent_at', 'touched.is_now_sent_at',
            untouched('min(other.occurred_at)', 'touched.delivery_number', "other.event_type in ('sent', 'delivered')")) }}
            as sent_at,
        {{ merged_extreme('min', 'standing.first_event_at', 'touched.was_first_event_at', 'touched.is_now_first_event_at',
            untouched('min(other.occurred_at)', 'touched.delivery_number', 'not other.is_withheld')) }} as first_event_at,
        {{ merged_extreme('max', 'standing.last_event_at', 'touched.was_last_event_at', 'touched.is_now_last_event_at',
            untouched('max(other.occurred_at)', 'touched.delivery_number', 'not other.is_withheld')) }} as last_event_at
    from touched
    left join {{ counters_to_change('standing') }} as standing on touched.delivery_id = standing.delivery_id
    left join persons on touched.delivery_id = persons.delivery_id

),

wanted as (

    select * from merged
    where event_count > 0

)

{{ changes_between('wanted', 'standing', contract_columns(), ['delivery_id']) }}

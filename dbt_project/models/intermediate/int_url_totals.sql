-- The counters of a delivery, URL and link type, kept up to date by differences. The key is the URL's digest: a key holds no
-- text without a bound.
{{ config(unique_key=['delivery_id', 'url_key', 'link_type']) }}

{% set keys = ['delivery_id', 'url_key', 'link_type'] %}

with messages as (

    select
        weight,
        delivery_id,
        delivery_number,
        coalesce(url, '') as url,
        {{ key_of(['url']) }} as url_key,
        event_type as link_type,
        count(*) as click_count,
        sum(case when {{ is_human('verdict') }} then 1 else 0 end) as human_click_count,
        max(case when {{ is_human('verdict') }} then 1 else 0 end) as human_recipient_click_count,
        min(occurred_at) as first_clicked_at,
        max(occurred_at) as last_clicked_at
    from {{ counted_events([
        'delivery_id', 'delivery_number', 'message_key', 'url', 'event_type', 'verdict', 'occurred_at'
    ]) }} as weighted
    -- A click counts even where its source does not tell the address: the clicks of a delivery must add up.
    where event_type = 'click' or (url is not null and event_type in ('opt_out', 'mirror_page', 'web', 'transaction'))
    group by weight, delivery_id, delivery_number, message_key, coalesce(url, ''), {{ key_of(['url']) }}, event_type

),

differences as (

    select
        delivery_id,
        delivery_number,
        url,
        url_key,
        link_type,
        sum(weight * click_count) as click_count,
        sum(weight) as recipient_click_count,
        sum(weight * human_click_count) as human_click_count,
        sum(weight * human_recipient_click_count) as human_recipient_click_count,
        min(case when weight = -1 then first_clicked_at end) as was_first_clicked_at,
        min(case when weight = 1 then first_clicked_at end) as is_now_first_clicked_at,
        max(case when weight = -1 then last_clicked_at end) as was_last_clicked_at,
        max(case when weight = 1 then last_clicked_at end) as is_now_last_clicked_at
    from messages
    group by delivery_id, delivery_number, url, url_key, link_type

),

standing as (

    {{ standing_counters(this, keys, 'differences') }}

),

summed as (

    select
        differences.delivery_id,
        differences.url,
        differences.url_key,
        differences.link_type,
        {% for name in ['click_count', 'recipient_click_count', 'human_click_count', 'human_recipient_click_count'] -%}
        cast(coalesce(standing.{{ name }}, 0) + differences.{{ name }} as bigint) as {{ name }},
        {% endfor -%}
        {% set same_url = "coalesce(other.url, '') = differences.url and other.event_type = differences.link_type" -%}
        {{ merged_extreme('min', 'standing.first_clicked_at', 'differences.was_first_clicked_at',
            'differences.is_now_first_clicked_at',
            untouched('min(other.occurred_at)', 'differences.delivery_number', same_url)) }} as first_clicked_at,
        {{ merged_extreme('max', 'standing.last_clicked_at', 'differences.was_last_clicked_at',
            'differences.is_now_last_clicked_at',
            untouched('max(other.occurred_at)', 'differences.delivery_number', same_url)) }} as last_clicked_at
    from differences
    left join {{ counters_to_change('standing') }} as standing
        on
            differences.delivery_id = standing.delivery_id
            and differences.url_key = standing.url_key
            and differences.link_type = standing.link_type

),

wanted as (

    select * from summed
    where click_count > 0

)

{{ changes_between('wanted', 'standing', contract_columns(), keys) }}

-- The counters of a delivery and place in its message, kept up to date by differences. Clicks whose place is not known stand
-- at position 0, part ''; the view click_positions shows them as null.
{{ config(unique_key=['delivery_id', 'content_part', 'position'], tags=['serving']) }}

{% set same_position = "other.event_type = 'click' and coalesce(other.position, 0) = differences.position"
    ~ " and (other.position is null or coalesce(other.content_part, '') = differences.content_part)" %}

{{ moved_counters(
    ref('int_position_totals__differences'),
    keys=['delivery_id', 'content_part', 'position'],
    counters=['click_count', 'recipient_click_count', 'human_click_count'],
    extremes={
        'first_url': {'aggregate': 'min', 'of': 'url', 'where': same_position},
        'last_url': {'aggregate': 'max', 'of': 'url', 'where': same_position},
        'first_link_id': {'aggregate': 'min', 'of': 'link_id', 'where': same_position},
        'last_link_id': {'aggregate': 'max', 'of': 'link_id', 'where': same_position},
    },
    remains='click_count > 0'
) }}

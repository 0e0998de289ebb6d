-- The counters of a delivery, URL and link type, kept up to date by differences. The key is the URL's digest: a key holds no
-- text without a bound.
{{ config(unique_key=['delivery_id', 'url_key', 'link_type'], tags=['serving']) }}

{% set same_url = "coalesce(other.url, '') = differences.url and other.event_type = differences.link_type" %}

{{ moved_counters(
    ref('int_url_totals__differences'),
    keys=['delivery_id', 'url_key', 'link_type'],
    carried=['url'],
    counters=['click_count', 'recipient_click_count', 'human_click_count', 'human_recipient_click_count'],
    extremes={
        'first_clicked_at': {'aggregate': 'min', 'of': 'occurred_at', 'where': same_url},
        'last_clicked_at': {'aggregate': 'max', 'of': 'occurred_at', 'where': same_url},
    },
    remains='click_count > 0'
) }}

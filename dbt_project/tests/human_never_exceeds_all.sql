-- People are some of all who acted, in every mart that counts both. (Not so amounts: a refund of a machine's is below 0.)
{% set counts = {
    'delivery_statistics': [
        'open_count', 'recipient_open_count', 'pixel_open_count', 'click_count', 'recipient_click_count', 'person_click_count',
        'opt_out_count', 'mirror_page_count', 'web_page_count', 'transaction_count', 'article_count'
    ],
    'url_clicks': ['click_count', 'recipient_click_count'],
    'click_positions': ['click_count'],
    'delivery_activity': ['event_count'],
    'delivery_breakdown': ['event_count'],
    'delivery_domains': ['recipient_open_count', 'recipient_click_count'],
    'messages': ['open_count', 'click_count'],
} %}

{% for mart, names in counts.items() -%}
select delivery_id
from {{ ref(mart) }}
where
    {% for name in names -%}
    human_{{ name }} > {{ name }}{{ ' or ' if not loop.last }}
    {% endfor %}
{{ 'union all' if not loop.last }}
{% endfor %}

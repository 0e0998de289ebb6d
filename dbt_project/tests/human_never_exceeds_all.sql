-- People are some of all who acted.
select delivery_id
from {{ ref('delivery_statistics') }}
where
    {% for name in [
        'open_count', 'recipient_open_count', 'pixel_open_count', 'click_count', 'recipient_click_count', 'person_click_count',
        'opt_out_count', 'mirror_page_count', 'web_page_count', 'transaction_count', 'article_count'
    ] -%}
    human_{{ name }} > {{ name }}{{ ' or ' if not loop.last }}
    {% endfor %}

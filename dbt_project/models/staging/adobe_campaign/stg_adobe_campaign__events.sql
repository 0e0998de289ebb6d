-- Adobe Campaign's redirection log and exports of its tracking logs, in the same members. The URL of id 1 is the open of all
-- deliveries. A raw log knows no URL but its id: the catalog's links may be written by it.
{% set event_type %}
    case coalesce({{ json_id('payload', 'url_type') }}, '')
        when '1' then 'click'
        when '2' then 'open'
        when '3' then 'opt_out'
        when '4' then 'web'
        when '5' then 'transaction'
        when '6' then 'mirror_page'
        else case
            when {{ json_text('payload', 'url_type') }} in ('click', 'open', 'opt_out', 'web', 'transaction', 'mirror_page')
                then {{ json_text('payload', 'url_type') }}
            when {{ json_text('payload', 'url_type') }} is not null then 'other'
            when {{ json_id('payload', 'url_id') }} = '1' then 'open'
            when {{ json_text('payload', 'amount') }} is not null then 'transaction'
            when {{ json_id('payload', 'url_id') }} is not null then 'click'
            else 'other'
        end
    end
{% endset %}

{% set url %}
    case when {{ event_type }} != 'open' then coalesce({{ json_text('payload', 'url') }}, {{ json_id('payload', 'url_id') }}) end
{% endset %}

{% set content_part %}
    case lower({{ json_text('payload', 'content_part') }})
        when 'h' then 'html'
        when 't' then 'text'
        when 'html' then 'html'
        when 'text' then 'text'
    end
{% endset %}

{{ staged_events('adobe_campaign', {
    'provider_event_id': json_id('payload', 'log_id'),
    'message_ref': json_id('payload', 'message_id'),
    'delivery_ref': first_json_id('payload', var('adobe_campaign_delivery_paths')),
    'recipient_ref': json_id('payload', 'recipient_id'),
    'email': email_of(json_text('payload', 'email')),
    'source_event_type': 'coalesce(' ~ json_text('payload', 'url_type') ~ ', ' ~ event_type ~ ')',
    'event_type': event_type,
    'url': url,
    'content_part': content_part,
    'user_agent': json_text('payload', 'user_agent'),
    'ip': json_text('payload', 'ip'),
    'requester_id': json_id('payload', 'requester_id'),
    'amount': json_amount('payload', 'amount'),
    'article_count': 'cast(' ~ json_integer('payload', 'articles') ~ ' as bigint)',
}) }}

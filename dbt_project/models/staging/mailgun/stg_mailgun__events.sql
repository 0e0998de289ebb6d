-- Mailgun's events as webhooks and the Events API tell them, and the forms of before 2018, whose fields are flat. An id is
-- unique within a day only, and has been seen with several types and reasons: they are part of the identity.
{% set kind = json_text('payload', 'event') %}

{% set kind_and_reason %}
    concat_ws('/', {{ kind }}, {{ json_text('payload', 'severity') }}, {{ json_text('payload', 'reason') }})
{% endset %}

{% set code = first_json_text('payload', ['delivery-status.code', 'code']) %}

{% set said = first_json_text('payload', ['delivery-status.enhanced-code', 'delivery-status.message', 'error', 'notification']) %}

-- A failure that Mailgun does not try again: by its reason, its own code, its kind of bounce, then by what the server said.
{% set failure %}
    coalesce(
        {{ bounce_class('mailgun reason', 'lower(' ~ json_text('payload', 'reason') ~ ')') }},
        {{ bounce_class('mailgun code', code) }},
        case {{ json_text('payload', 'delivery-status.bounce-type') }}
            when 'hard' then 'hard_bounce'
            when 'soft' then 'soft_bounce'
        end,
        {{ bounce_of_status(said) }}, {{ bounce_of_status(code) }}
    )
{% endset %}

{% set event_type %}
    case {{ kind }}
        when 'accepted' then 'sent'
        when 'delivered' then 'delivered'
        when 'failed'
            then case {{ json_text('payload', 'severity') }}
                when 'temporary' then 'deferred'
                else coalesce({{ failure }}, 'hard_bounce')
            end
        when 'rejected' then 'rejected'
        when 'opened' then 'open'
        when 'clicked' then 'click'
        when 'unsubscribed' then 'opt_out'
        when 'complained' then 'complaint'
        -- Of the forms: what Mailgun gave up, which holds what it did not even send.
        when 'bounced' then coalesce({{ failure }}, 'hard_bounce')
        when 'dropped' then coalesce({{ failure }}, 'rejected')
        else 'other'
    end
{% endset %}

-- As the API answers and the mail itself has it: in angle brackets, which most events leave out.
{% set message_id = first_json_text('payload', ['message.headers.message-id', 'Message-Id', 'message-id']) %}

-- The tags of an opt-out are what was opted out of; "*" is everything.
{% set delivery = 'nullif(' ~ first_json_id('payload', var('mailgun_delivery_paths')) ~ ", '*')" %}

-- "gmail", "apple", "generic": which machine it was; a text without content, or null, is a person.
{% set is_bot = "coalesce(lower(" ~ json_text('payload', 'client-info.bot') ~ ") not in ('', 'false', '0', 'none'), false)" %}

{{ staged_events('mailgun', {
    'provider_event_id': json_id('payload', 'id') ~ " || '/' || " ~ kind_and_reason ~ " || '/' || " ~ utc_day('occurred_at'),
    'message_ref': "'<' || trim(" ~ message_id ~ ", '<> ') || '>'",
    'delivery_ref': delivery,
    'recipient_ref': first_json_id('payload', ['user-variables.recipient_id', 'recipient_id']),
    'email': email_of(first_json_text('payload', ['recipient', 'message.headers.to'])),
    'source_event_type': kind_and_reason,
    'event_type': event_type,
    'url': json_text('payload', 'url'),
    'user_agent': first_json_text('payload', ['client-info.user-agent', 'user-agent']),
    'ip': json_text('payload', 'ip'),
    'reason': "case when " ~ kind ~ " != 'delivered' then " ~ first_json_text('payload', [
        'delivery-status.message', 'delivery-status.description', 'reject.reason', 'error', 'description', 'reason'
    ]) ~ " end",
    'is_machine_flagged': is_bot,
}) }}

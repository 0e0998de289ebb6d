-- MailerSend's webhooks. The first version of their data holds the message in `email` and what happened in `morph`, the second
-- one has both flat and in `meta`. A first open or click may come twice, once as unique, with one id.
{% set kind = "replace(" ~ json_text('payload', 'type') ~ ", '_unique', '')" %}

{% set event_type %}
    case {{ kind }}
        when 'activity.sent' then 'sent'
        when 'activity.delivered' then 'delivered'
        when 'activity.deferred' then 'deferred'
        when 'activity.soft_bounced' then 'soft_bounce'
        when 'activity.hard_bounced' then 'hard_bounce'
        when 'activity.suppressed' then 'rejected'
        when 'activity.rejected' then 'rejected'
        when 'activity.opened' then 'open'
        when 'activity.clicked' then 'click'
        when 'activity.unsubscribed' then 'opt_out'
        when 'activity.spam_complaint' then 'complaint'
        when 'activity.spam_complaints' then 'complaint'
        else 'other'
    end
{% endset %}

{{ staged_events('mailersend', {
    'provider_event_id': json_id('payload', 'data.id'),
    'message_ref': first_json_id('payload', ['data.message_id', 'data.email.message.id']),
    'delivery_ref': first_json_id('payload', var('mailersend_delivery_paths')),
    'email': email_of(first_json_id('payload', ['data.email.recipient.email', 'data.recipient.email', 'data.recipient'])),
    'source_event_type': kind,
    'event_type': event_type,
    'url': first_json_text('payload', ['data.meta.url', 'data.morph.url']),
    'user_agent': first_json_text('payload', ['data.meta.user_agent', 'data.morph.user_agent']),
    'ip': first_json_text('payload', ['data.meta.ip', 'data.morph.ip']),
    'reason': first_json_text('payload', [
        'data.meta.bounce_reason', 'data.meta.reject_reason', 'data.meta.suppression_reason', 'data.meta.unsubscribe_reason',
        'data.morph.readable_reason', 'data.morph.reason'
    ]),
}) }}

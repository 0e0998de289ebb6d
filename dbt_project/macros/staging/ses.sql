{# What Amazon SES's events mean beyond their type. Source: the developer guide, "Contents of event data". #}

{#
  A bounce. What SES did not send because the address is on a suppression list, or its owner has unsubscribed, was rejected.
  "Undetermined" may be temporary: only what SES calls permanent counts as an address that does not exist. A general
  transient bounce without the receiving server's word is how SES tells an automatic reply (out of office).
#}
{% macro ses_bounce_type(payload) -%}
    case
        when {{ json_text(payload, 'bounce.bounceSubType') }}
            in ('Suppressed', 'OnAccountSuppressionList', 'OnTenantSuppressionList', 'UnsubscribedRecipient')
            then 'rejected'
        when {{ json_text(payload, 'bounce.bounceType') }} = 'Permanent' then 'hard_bounce'
        when
            {{ json_text(payload, 'bounce.bounceType') }} = 'Transient'
            and {{ json_text(payload, 'bounce.bounceSubType') }} = 'General'
            and {{ json_text(payload, '_sillage.status') }} is null
            and {{ json_text(payload, '_sillage.diagnostic') }} is null
            then 'auto_reply'
        else 'soft_bounce'
    end
{%- endmacro %}

{# A complaint. On a suppression list nothing was sent and nobody complained; "not-spam" takes a mail out of the spam folder. #}
{% macro ses_complaint_type(payload) -%}
    case
        when {{ json_text(payload, 'complaint.complaintSubType') }} in ('OnAccountSuppressionList', 'OnTenantSuppressionList')
            then 'rejected'
        when lower({{ json_text(payload, 'complaint.complaintFeedbackType') }}) = 'not-spam' then 'other'
        else 'complaint'
    end
{%- endmacro %}

{# True where a change of a contact's preferences leaves a list or topic that it did not have left before. #}
{% macro ses_opts_out(payload) %}{{ return(adapter.dispatch('ses_opts_out', 'sillage')(payload)) }}{% endmacro %}

{% macro postgres__ses_opts_out(payload) -%}
    (
        {{ json_boolean(payload, 'subscription.newTopicPreferences.unsubscribeAll', 'false') }}
        and not {{ json_boolean(payload, 'subscription.oldTopicPreferences.unsubscribeAll', 'false') }}
        or exists (
            select {{ _topics_left(payload, 'new') }}
            except
            select {{ _topics_left(payload, 'old') }}
        )
    )
{%- endmacro %}

{% macro _topics_left(payload, side) -%}
    jsonb_path_query(
        {{ payload }},
        '$.subscription.{{ side }}TopicPreferences.topicSubscriptionStatus[*] ? (@.subscriptionStatus == "OptOut").topicName'
    )
{%- endmacro %}

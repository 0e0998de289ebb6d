{# What Amazon SES's events mean beyond their type. Source: the developer guide, "Contents of event data". #}

{#
  A bounce, by the tables of bounce_classes.sql: what SES did not send was rejected, and only what SES calls permanent counts as
  an address that does not exist. "Undetermined" is what the receiving server says. A general transient bounce without that
  server's word is how SES tells an automatic reply (out of office).
#}
{% macro ses_bounce_type(payload) -%}
    coalesce(
        {{ bounce_class('ses sub-type', json_text(payload, 'bounce.bounceSubType')) }},
        case
            when
                {{ json_text(payload, 'bounce.bounceType') }} = 'Transient'
                and {{ json_text(payload, 'bounce.bounceSubType') }} = 'General'
                and {{ json_text(payload, '_sillage.status') }} is null
                and {{ json_text(payload, '_sillage.diagnostic') }} is null
                then 'auto_reply'
        end,
        {{ bounce_class('ses type', json_text(payload, 'bounce.bounceType')) }},
        {{ bounce_of_status(json_text(payload, '_sillage.status')) }},
        {{ bounce_of_status(json_text(payload, '_sillage.diagnostic')) }}, 'soft_bounce'
    )
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
        or not {{ _topics_left(payload, 'new') }} <@ {{ _topics_left(payload, 'old') }}
    )
{%- endmacro %}

{% macro _topics_left(payload, side) -%}
    jsonb_path_query_array(
        {{ payload }},
        '$.subscription.{{ side }}TopicPreferences.topicSubscriptionStatus[*] ? (@.subscriptionStatus == "OptOut").topicName'
    )
{%- endmacro %}

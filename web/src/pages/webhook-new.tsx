import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useCreateWebhook, useWebhooks, type Webhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { Loaded } from '../ui/loaded'
import { Heading } from '../ui/page'
import { useToast } from '../ui/toast'
import { OwnerTrail } from './owner-trail'
import { paramsOf } from './place'
import { blank } from './webhook-draft'
import { WebhookForm } from './webhook-form'
import { MadeSecret } from './webhook-secret'

const route = getRouteApi('/$kind/$owner/new')

export function WebhookNewPage() {
  const { t } = useTranslation()
  const { kind, owner: id } = route.useParams()
  const owner = { kind, id }
  const navigate = useNavigate()
  const say = useToast()
  const webhooks = useWebhooks(owner)
  const save = useCreateWebhook(owner)
  const [draft] = useState(blank)
  const [made, setMade] = useState<Webhook>()
  const show = (webhook: Webhook) =>
    navigate({ to: '/$kind/$owner/$webhook', params: paramsOf({ owner, webhook: webhook.id }) })
  return (
    <>
      <Heading title={t('webhook.new')} above={<OwnerTrail of={owner} />} />
      {made && <MadeSecret secret={made.webhook_secret ?? ''} onClose={() => show(made)} />}
      <Loaded of={webhooks}>
        {({ events }) => (
          <WebhookForm
            kind={kind}
            draft={draft}
            events={events}
            hasSecret={false}
            isNew
            busy={save.isPending}
            fault={save.error}
            onSave={(input) =>
              save.mutate(input, {
                onSuccess: (webhook) => {
                  say(t('webhook.created', { name: webhook.name }))
                  if (webhook.webhook_secret) setMade(webhook)
                  else show(webhook)
                },
              })
            }
          />
        )}
      </Loaded>
    </>
  )
}
